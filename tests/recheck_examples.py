"""Genuine small certificates made by hand with plain NumPy: the recheck must find every one valid.

Evidence is a float estimate moved by a relative 1e-6 to the safe side. Nothing here imports the recheck, so that the
two can only agree by both being right.
"""

from __future__ import annotations

import hashlib
import json
from math import asin, erf, sqrt

import numpy as np

SAFE = 1e-6
_RATE = "rate: loss(t) <= exp(-rate t) loss(0) for all t >= 0"
SAYS = {
    "least": "the least eigenvalue of the tangent Gram, at all times t >= 0",
    "rate": _RATE,
    "reach": "reach: |w_j(t) - w_j(0)| <= reach sqrt(lambda_j) for all j and t >= 0",
    "change": "the spectral norm of the tangent Gram's change, at all times t >= 0",
    "window": "window: every preactivation stays within it of its initial value, for all t >= 0",
    "window c": "window: preactivation h_ij stays within |c_j| window of its initial value, for all t >= 0",
    "path": "path: the root mean square of |w_j(t) - w_j(0)| over the neurons, for all t >= 0",
    "contraction": "contraction: loss(k+1) <= contraction loss(k) for every step k >= 0",
    "weights_moved": "the Frobenius norm of W(t) - W(0), at all times",
    "outer_moved": "the Euclidean norm of a(t) - a(0), at all times",
}
LEAST = ("least", "rate")

_PHI = np.vectorize(lambda z: (1 + erf(z / sqrt(2))) / 2)
_ERF = np.vectorize(erf)


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


# name -> s, s', sup |s'|, sup |s''| (rounded up)
ACTIVATIONS = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0, 1.0, 0.0),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2, 1.0, 0.76981),
    "erf": (_ERF, lambda z: 2 / sqrt(np.pi) * np.exp(-(z**2)), 1.12838, 0.9679),
    "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * _sigmoid(-z), 0.25, 0.09623),
    "softplus": (lambda z: np.log1p(np.exp(z)), _sigmoid, 1.0, 0.25),
    "gelu": (
        lambda z: z * _PHI(z),
        lambda z: _PHI(z) + z * np.exp(-(z**2) / 2) / sqrt(2 * np.pi),
        1.12891,
        0.79789,
    ),
    "silu": (lambda z: z * _sigmoid(z), lambda z: _sigmoid(z) * (1 + z * _sigmoid(-z)), 1.09984, 0.5),
    "sine": (np.sin, np.cos, 1.0, 1.0),
    "identity": (lambda z: z, np.ones_like, 1.0, 0.0),
}
SMOOTH = [name for name in ACTIVATIONS if name != "relu"]


def low(x):
    return float(x) * (1 - SAFE)


def high(x):
    return float(x) * (1 + SAFE)


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array, dtype="<f8").tobytes()).hexdigest()


def inline(array):
    array = np.asarray(array, dtype=float)
    return {"shape": list(array.shape), "sha256": digest(array), "values": array.ravel().tolist()}


def conclusion(name, value, says=None):
    least = name in LEAST
    value = float(value * (1 - 1e-9)) if least else float(value * (1 + 1e-9))
    return {"name": name, "says": SAYS[says or name], "side": "at least" if least else "at most", "value": value}


def certificate(theorem, neuron, activation, data, choices, evidence, conclusions, dynamics="flow", rates=(1.0, 0.0), kappa=1.0):  # fmt: skip
    n, d = data["inputs"].shape
    return {
        "format": "theorycheck certificate 1",
        "program": "by hand",
        "theorem": theorem,
        "dynamics": dynamics,
        "model": {
            "neuron": neuron, "activation": activation, "n": n, "d": d, "m": len(data["weights"]),
            "rates": list(rates), "output_scale": kappa,
        },
        "data": {key: inline(value) for key, value in data.items()},
        "choices": choices,
        "evidence": evidence,
        "conclusions": conclusions,
        "history": {},
        "made": {"flags": ["by hand"]},
    }  # fmt: skip


def _points(rng, n, d):
    return np.linalg.qr(rng.standard_normal((d, n)))[0].T * sqrt(d) + 0.1 * rng.standard_normal((n, d))


def _top(matrix):
    return np.linalg.eigvalsh(matrix)[-1]


def caron(activation="relu", n=3, d=4, m=300, theta=0.5, push=0.02, seed=0, gamma=0.6, arrays=None):
    """A certificate of caron2023.r0 or r0_smooth; ``arrays`` may replace weights, signs and scales."""
    rng = np.random.default_rng(seed)
    s, ds, slope, curvature = ACTIVATIONS[activation]
    inputs = _points(rng, n, d)
    uneven = np.arange(1, m + 1) ** -2.0
    data = {
        "inputs": inputs, "labels": None, "weights": rng.standard_normal((m, d)),
        "signs": rng.integers(0, 2, m) * 2.0 - 1, "scales": gamma / m + (1 - gamma) * uneven / uneven.sum(),
    }  # fmt: skip
    data |= arrays or {}
    weights, scales = data["weights"], data["scales"]
    z = weights @ inputs.T / sqrt(d)
    f = s(z).T @ (np.sqrt(scales) * data["signs"])
    data["labels"] = f + push * np.array([1.0, -1.0] * n)[:n]
    gram, gates = inputs @ inputs.T, ds(z)
    even = gram * (gates.T @ gates) / (m * d)
    e = {
        "gamma": low(m * scales.min()), "kappa_hat": low(np.linalg.eigvalsh(even)[0]),
        "r_0": high(np.linalg.norm(data["labels"] - f)) + 1e-13, "s_X": high(_top(gram)), "mass": high(scales.sum()),
    }  # fmt: skip
    mu = e["gamma"] * theta**2 * e["kappa_hat"]
    reach = sqrt(e["s_X"] / d) * e["r_0"] / mu
    whole = e["mass"] * e["s_X"] / d
    if activation == "relu":
        flips = np.abs(z) * sqrt(d) <= np.sqrt(scales)[:, None] * reach * np.linalg.norm(inputs, axis=1)
        e["flips"] = high(_top(abs(gram) * (flips.T * 1.0 @ flips) / (m * d)))
        e["heavy_flips"] = b = high(_top(abs(gram) * ((flips.T * scales) @ flips) / d))
        change = min(b + 2 * sqrt(b * whole), whole)
    else:
        reach *= high(slope)
        e |= {"mass_2": high((scales**2).sum()), "fourth": high((np.linalg.norm(inputs, axis=1) ** 4).sum())}
        e |= {"slope": high(slope), "curvature": high(curvature)}
        b = e["curvature"] ** 2 / d**2 * e["fourth"] * reach**2 * e["mass_2"]
        change = b + 2 * e["slope"] * sqrt(b * whole)
    ends = [conclusion("least", mu), conclusion("rate", 2 * mu), conclusion("reach", reach)]
    theorem = "caron2023.r0" if activation == "relu" else "caron2023.r0_smooth"
    ends.append(conclusion("change", change))
    return certificate(theorem, "asymmetric", activation, data, {"theta": theta}, e, ends)


def _mean_field(activation, n, d, m, push, seed):
    rng = np.random.default_rng(seed)
    s = ACTIVATIONS[activation][0]
    inputs, weights, signs = _points(rng, n, d), rng.standard_normal((m, d)), rng.choice([-1.0, 1.0, 1.5, 0.25], m)
    h = weights @ inputs.T / sqrt(d)
    f = s(h).T @ signs / m
    labels = f + push * np.array([1.0, -1.0] * n)[:n]
    data = {"inputs": inputs, "labels": labels, "weights": weights, "signs": signs, "scales": np.ones(m)}
    gram = inputs @ inputs.T / d
    e = {
        "lam": low(np.linalg.eigvalsh(gram)[0]), "g": high(np.linalg.norm(gram, axis=0).max()),
        "zeta_0": high(np.linalg.norm(f - labels)), "slope": high(ACTIVATIONS[activation][2]),
    }  # fmt: skip
    return data, h, e, gram


INTERVALS = {"relu": (0.0, None), "softplus": (-1.0, None), "gelu": (-0.3, None), "silu": (0.0, None)}


def _interval(activation):
    return INTERVALS.get(activation, (-1.2, 1.1))


def _steepness(activation, ends):
    if activation == "relu":
        return 1.0
    last = 40.0 if ends[1] is None else ends[1]
    return low(np.abs(ACTIVATIONS[activation][1](np.linspace(ends[0], last, 100_001))).min())


def chen_ab(part, activation="tanh", n=3, d=4, m=200, push=0.002, seed=1):
    """A certificate of chen2022.a or chen2022.b."""
    data, h, e, gram = _mean_field(activation, n, d, m, push, seed)
    ends = _interval(activation)
    choices = {"low": ends[0], "high": ends[1], "eta": 0.4, "c_low": 1.0}
    inside = (h >= ends[0] + 0.4) & (h <= (np.inf if ends[1] is None else ends[1] - 0.4))
    share = low((inside & (abs(data["signs"]) >= 1.0)[:, None]).mean(axis=0).min())
    steepness = _steepness(activation, ends)
    pull = e["lam"] * 1.0**2 * steepness**2 * share
    if part == "a":
        e |= {"steepness": steepness, "c_high": abs(data["signs"]).max(), "share": share}
        window = e["c_high"] * e["slope"] * e["g"] * e["zeta_0"] / pull
        conclusions = [conclusion("rate", 2 / n * pull), conclusion("window", window)]
        return certificate("chen2022.a", "mean_field", activation, data, choices, e, conclusions)
    choices["split"] = 0.5
    e = {"lam": e["lam"], "zeta_0": e["zeta_0"], "steepness": steepness, "share": share}
    e["G_max"] = high(gram.diagonal().max())
    path = 0.5 * 0.4 * sqrt(share / e["G_max"])
    assert e["zeta_0"] <= steepness * sqrt(e["lam"]) * 0.4 * share / (2 * sqrt(e["G_max"])) * (
        0.5 * sqrt(0.75) + asin(0.5)
    )
    conclusions = [conclusion("rate", 2 / n * pull * 0.75), conclusion("path", path)]
    return certificate("chen2022.b", "mean_field", activation, data, choices, e, conclusions)


def chen_c(activation="relu", n=3, d=4, m=60, push=0.004, seed=1, rho=(0.02, 0.05, 0.1)):
    """A certificate of chen2022.c; windows are sampled, with a margin for what lies between the samples."""
    data, h, e, _ = _mean_field(activation, n, d, m, push, seed)
    c, ds = np.abs(data["signs"]), ACTIVATIONS[activation][1]
    e["Q"] = []
    for r in rho:
        if activation == "relu":
            floors = (h - c[:, None] * r > 0) * 1.0
        else:
            floors = np.min([np.abs(ds(h + t * c[:, None] * r)) for t in np.linspace(-1, 1, 401)], axis=0)
            floors = np.maximum(floors - 1e-3 * r, 0)
        e["Q"].append(low((c[:, None] ** 2 * floors**2).mean(axis=0).min()))
    conclusions = [conclusion("rate", 2 / n * e["lam"] * e["Q"][-1]), conclusion("window", rho[-1], "window c")]
    return certificate("chen2022.c", "mean_field", activation, data, {"rho": list(rho)}, e, conclusions)


def _knapsack(tau, radius, size, outer):
    """The dual bound, and for each datum its best multiplier among ``tau``."""
    best, chosen = 0.0, []
    for z in size.T:
        near = z <= radius
        bounds = [t * radius**2 + np.maximum(outer[near] ** 2 - t * z[near] ** 2, 0).sum() for t in tau]
        chosen.append(float(tau[int(np.argmin(bounds))]))
        best = max(best, min(bounds))
    return best, chosen


def razborov(theorem="razborov2022.r1", dynamics="flow", activation="relu", n=3, d=4, m=400, push=1e-3, seed=2, rates=(0.03, 0.02), arrays=None):  # fmt: skip
    """A certificate of razborov2022.r1, r0 or r0_radii."""
    rng = np.random.default_rng(seed)
    s, ds, slope, curvature = ACTIVATIONS[activation]
    inputs, kappa = _points(rng, n, d), 1 / sqrt(m)
    data = {"inputs": inputs, "labels": None, "weights": rng.standard_normal((m, d))}
    data |= {"signs": rng.standard_normal(m), "scales": np.ones(m), **(arrays or {})}
    weights, outer = data["weights"], data["signs"]
    z = weights @ inputs.T
    f = kappa * s(z).T @ outer
    data["labels"] = f + push * np.array([1.0, -1.0] * n)[:n]
    gram = inputs @ inputs.T
    inner = kappa**2 * gram * ((ds(z).T * outer**2) @ ds(z))
    last = kappa**2 * s(z).T @ s(z)
    tangent = rates[0] * inner + rates[1] * last
    e = {
        "alpha_squared": low(np.linalg.eigvalsh(tangent)[0]), "top": high(_top(tangent)),
        "r_0": high(np.linalg.norm(data["labels"] - f)), "X_norm": high(sqrt(_top(gram))),
    }  # fmt: skip
    c = 0.25 if dynamics == "flow" else 0.15
    alpha = sqrt(e["alpha_squared"])
    q = 2 * (1 - 2 * c - c * c) - (sqrt(e["top"]) + c * alpha) ** 2 * (1 + c) ** 2
    path = e["r_0"] / ((1 - c) * alpha) if dynamics == "flow" else 2 * (1 + c) * e["r_0"] / (q * alpha)
    total = e["r_0"] / ((1 - c) * alpha) ** 2 if dynamics == "flow" else 2 * e["r_0"] / (q * alpha**2)
    radii = [high(sqrt(rate) * path) for rate in rates]
    choices = {"c": c}
    if theorem == "razborov2022.r0":
        e |= {"slope": high(slope), "curvature": high(curvature)}
        e |= {"a_max": high(abs(outer).max()), "x_max": high(np.linalg.norm(inputs, axis=1).max())}
    else:
        size = abs(z) / np.linalg.norm(inputs, axis=1)
        if theorem == "razborov2022.r0_radii":
            jacobians = (sqrt(_top(inner)), sqrt(_top(last)))
            totals = [rate * jacobian * total for rate, jacobian in zip(rates, jacobians, strict=True)]
            radii = [1.5 * min(pair) for pair in zip(radii, totals, strict=True)]
        mass, choices["tau"] = _knapsack([0.0, 1e2, 1e4, 1e6], radii[0], size, outer)
        e["mass"] = high(mass)
    if theorem == "razborov2022.r0_radii":
        choices |= {"R_W": radii[0], "R_a": radii[1]}
        e |= {"beta_W": high(jacobians[0]), "beta_a": high(jacobians[1])}
    moved = [conclusion("weights_moved", radii[0]), conclusion("outer_moved", radii[1])]
    if dynamics == "flow":
        first = conclusion("rate", 2 * (1 - c) ** 2 * e["alpha_squared"])
    else:
        first = conclusion("contraction", 1 - q * e["alpha_squared"])
    return certificate(theorem, "two_layer", activation, data, choices, e, [first, *moved], dynamics, rates, kappa)


def save(doc, folder, name="cert.json"):
    path = folder / name
    path.write_text(json.dumps(doc), encoding="utf-8")
    return path


def into_npz(doc, folder, names=("inputs", "weights")):
    """Move arrays into a NPZ file beside the certificate."""
    arrays = {}
    for name in names:
        described = doc["data"][name]
        arrays[name] = np.array(described.pop("values"), dtype=float).reshape(described["shape"])
        described |= {"file": "cert.npz", "key": name}
    np.savez(folder / "cert.npz", **arrays)
    return doc

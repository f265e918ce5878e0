"""razborov2022: both layers trained at two rates, numbers, tests and conclusions.

Gradient steps of any size and the flow share everything but the radius P, the total residual S and the rate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb, arb_mat

from theorycheck.recheck import counting
from theorycheck.recheck.activations import most_curved, steepest
from theorycheck.recheck.balls import eigenvalue_line, hadamard, self_gram, squares
from theorycheck.recheck.results import Line, at_most, none_above, norm_at_most, not_looked_at, tested
from theorycheck.recheck.stream import (
    Chunk,
    Mask,
    Network,
    chunks,
    outer_weights,
    preactivations,
    relu_values,
    residual,
    smooth_values,
    sup_of,
    table,
)

Numbers = dict[str, arb]


def derived(theorem: str, dynamics: str, given: Numbers) -> Numbers:
    """Return alpha, q, P, S, the radii and eps of the claimed numbers (not finite where they make no sense)."""
    c, alpha, residual_0 = given["c"], given["alpha_squared"].sqrt(), given["r_0"]
    s = (given["top"].sqrt() + c * alpha) ** 2
    q = 2 * (1 - 2 * c - c * c) - s * (1 + c) ** 2
    if dynamics == "descent":
        path, total = 2 * (1 + c) * residual_0 / (q * alpha), 2 * residual_0 / (q * given["alpha_squared"])
    else:
        path, total = residual_0 / ((1 - c) * alpha), residual_0 / ((1 - c) ** 2 * given["alpha_squared"])
    found = {"alpha": alpha, "q": q, "P": path, "S": total}
    found["by_path_W"], found["by_path_a"] = given["eta_W"].sqrt() * path, given["eta_a"].sqrt() * path
    radii = theorem.endswith("radii")
    found["R_W"] = given["R_W"] if radii else found["by_path_W"]
    found["R_a"] = given["R_a"] if radii else found["by_path_a"]
    return found | _change(theorem, given, found)


def _change(theorem: str, given: Numbers, found: Numbers) -> Numbers:
    """Return eps, how far the rescaled Jacobian can move within the radii."""
    size, radius_w, radius_a = given["kappa"] * given["X_norm"], found["R_W"], found["R_a"]
    if theorem == "razborov2022.r0":
        inner = size * (given["slope"] * radius_a + given["curvature"] * given["a_max"] * given["x_max"] * radius_w)
        outer = size * given["slope"] * radius_w
        return {"eps": (given["eta_W"] * inner**2 + given["eta_a"] * outer**2).sqrt()}
    inner, outer = size * (given["mass"].sqrt() + radius_a), size * radius_w
    if theorem == "razborov2022.r1":  # on the joint ball the outer layer's part is within the inner one's
        return {"eps": given["eta_W"].sqrt() * inner}
    eps = (given["eta_W"] * inner**2 + given["eta_a"] * outer**2).sqrt()
    by_total_w = given["eta_W"] * (given["beta_W"] + inner) * found["S"]
    return {"eps": eps, "by_total_W": by_total_w, "by_total_a": given["eta_a"] * (given["beta_a"] + outer) * found["S"]}


def evidence(
    theorem: str, net: Network, given: Numbers, choices: dict[str, Any], raw: dict[str, Any], dynamics: str
) -> list[Line]:
    """Judge every number of the evidence, in the order of the format."""
    relu = net.activation == "relu"
    radius = derived(theorem, dynamics, given)["R_W"] if relu else arb(0)
    sums = _relu_sums(net, radius, choices["tau"]) if relu else _smooth_sums(net)
    gram, one, kappa_squared = self_gram(net.inputs), arb(1), arb(net.kappa) ** 2
    inner, outer = hadamard(gram, sums["slopes"]) * kappa_squared, sums["values"] * kappa_squared
    tangent = inner * given["eta_W"] + outer * given["eta_a"]
    lines = [
        eigenvalue_line("evidence alpha_squared", raw["alpha_squared"], tangent, one, side="at least"),
        eigenvalue_line("evidence top", raw["top"], tangent, one, side="at most"),
        norm_at_most("evidence r_0", raw["r_0"], squares(residual(net, sums["f"], values_scaled=True))),
        eigenvalue_line("evidence X_norm", raw["X_norm"], gram, one, side="at most", power=2),
    ]
    if not relu:
        return lines + _smooth_lines(net, raw, gram)
    if _makes_sense(radius):
        each = [at_most("evidence mass", raw["mass"], mass) for mass in sums["mass"]]
        lines.append(none_above("evidence mass", raw["mass"], each))
    else:
        lines += not_looked_at(["evidence mass"])
    if theorem.endswith("radii"):
        lines.append(eigenvalue_line("evidence beta_W", raw["beta_W"], inner, one, side="at most", power=2))
        lines.append(eigenvalue_line("evidence beta_a", raw["beta_a"], outer, one, side="at most", power=2))
    return lines


def _smooth_lines(net: Network, raw: dict[str, Any], gram: arb_mat) -> list[Line]:
    lengths = [norm_at_most("evidence x_max", raw["x_max"], gram[i, i]) for i in range(gram.nrows())]
    return [
        at_most("evidence slope", raw["slope"], steepest(net.activation)),
        at_most("evidence curvature", raw["curvature"], most_curved(net.activation)),
        at_most("evidence a_max", raw["a_max"], arb(sup_of(net.signs))),
        none_above("evidence x_max", raw["x_max"], lengths),
    ]


def _smooth_sums(net: Network) -> dict[str, Any]:
    """Return ``sum_j a_j^2 s'_j s'_j'``, ``sum_j s_j s_j'`` and the output sums."""
    n = len(net.inputs)
    sums: dict[str, Any] = {"slopes": arb_mat(n, n), "values": arb_mat(n, n), "f": arb_mat(n, 1)}
    for chunk in chunks(net):
        values, slopes = smooth_values(net.activation, preactivations(net, chunk))
        scaled = [slope * a for slope, a in zip(slopes, np.repeat(chunk.signs, n).tolist(), strict=True)]
        steep, high = table(scaled, n), table(values, n)
        sums["slopes"] += steep.transpose() * steep
        sums["values"] += high.transpose() * high
        sums["f"] += high.transpose() * outer_weights(net, chunk)
    return sums


def _relu_sums(net: Network, radius: arb, taus: list[float]) -> dict[str, Any]:
    """Return the sums of ``_smooth_sums`` for gates, and for each datum the dual bound of the flipped mass."""
    n = len(net.inputs)
    sums: dict[str, Any] = {"slopes": arb_mat(n, n), "values": arb_mat(n, n), "f": arb_mat(n, 1)}
    sums["mass"] = [arb(tau) * radius**2 for tau in taus]
    lengths = [squares([arb(x) for x in row]) for row in net.inputs.tolist()]
    for chunk in chunks(net):
        opened = counting.gates(chunk.weights, net.inputs, chunk.dots, chunk.errors)
        values = table(relu_values(chunk, opened), n)
        sums["slopes"] += counting.weighted(opened, opened, chunk.signs, power=2)
        sums["values"] += values.transpose() * values
        sums["f"] += values.transpose() * outer_weights(net, chunk)
        if _makes_sense(radius):
            _add_mass(net, chunk, radius, taus, lengths, sums["mass"])
    return sums


def _makes_sense(radius: arb) -> bool:
    """Tell whether the claims give a radius at all; if not, a test fails."""
    return bool(radius.is_finite() and radius >= 0)


def _add_mass(net: Network, chunk: Chunk, radius: arb, taus: list[float], lengths: list[arb], mass: list[arb]) -> None:
    """Add ``max(0, a_j^2 - tau_i z_ij^2)`` over the neurons with ``z_ij <= R_W``; unproved counts as within."""
    for j, i in np.argwhere(_near(net, chunk, radius, taus, lengths)).tolist():
        dot = chunk.exact[j, i]
        left = arb(float(chunk.signs[j])) ** 2 - arb(taus[i]) * dot * dot / lengths[i]
        if not left <= 0:
            mass[i] += left.max(arb(0))


def _near(net: Network, chunk: Chunk, radius: arb, taus: list[float], lengths: list[arb]) -> Mask:
    """Return who is within the radius, ``(b, n)``, but for those whose part of the mass is surely zero."""

    def exact(j: int, i: int) -> bool | None:
        dot = abs(counting.exact_dot(chunk.weights[j], net.inputs[i]))
        length = squares([arb(x) for x in net.inputs[i].tolist()]).sqrt()
        return counting.compared(dot, radius * length)

    edges = counting.doubles([radius * length.sqrt() for length in lengths])
    threshold = counting.bracket(np.ones(1), edges)
    near = ~counting.exceeding(abs(chunk.dots), chunk.errors, threshold, exact, otherwise=False)
    closest = np.maximum(np.abs(chunk.dots) - chunk.errors, 0.0)
    pull = np.array(taus, dtype=np.float64) * closest**2
    taken = pull / counting.doubles(lengths) * (1 - 2.0**-40)
    given = (chunk.signs**2 * (1 + 2.0**-40))[:, None]
    # far from both ends of the doubles' range, so that no rounding is larger than the factors say
    surely = (
        (pull > 1e-140) & (taken > 1e-140) & (taken < 1e140) & (closest > 1e-140) & (closest < 1e140) & (given < taken)
    )
    return np.asarray(near & ~surely, dtype=np.bool_)


def tests(theorem: str, dynamics: str, given: Numbers) -> list[Line]:
    """Judge the tests, from choices and evidence alone."""
    c, nothing, found = given["c"], arb(0), derived(theorem, dynamics, given)
    lines = [tested("alpha_squared > 0", given["alpha_squared"], ">", nothing), tested("c > 0", c, ">", nothing)]
    if dynamics == "flow":
        lines.append(tested("c < 1", c, "<", arb(1)))
    else:
        lines.append(tested("c < sqrt(2) - 1", c, "<", arb(2).sqrt() - 1))
        lines.append(tested("q > 0", found["q"], ">", nothing))
    lines.append(tested("eps <= c alpha", found["eps"], "<=", c * found["alpha"]))
    if theorem.endswith("radii"):
        for layer in ("W", "a"):
            either = (found[f"by_path_{layer}"], found[f"by_total_{layer}"])
            lines.append(_radius_line(layer, given[f"R_{layer}"], *either))
    return lines


def _radius_line(layer: str, radius: arb, by_path: arb, by_total: arb) -> Line:
    """Judge ``radius >= min(by_path, by_total)``: one of them is enough."""
    beta = f"R_{layer} >= eta_{layer} (beta_{layer} + eps_{layer}) S"
    first = tested(f"R_{layer} >= sqrt(eta_{layer}) P", radius, ">=", by_path)
    return first if first.ok else tested(beta, radius, ">=", by_total)


def formulas(theorem: str, dynamics: str, given: Numbers) -> Numbers:
    """Return each conclusion's formula."""
    found = derived(theorem, dynamics, given)
    moved = {"weights_moved": found["R_W"], "outer_moved": found["R_a"]}
    if dynamics == "descent":
        return {"contraction": 1 - found["q"] * given["alpha_squared"], **moved}
    return {"rate": 2 * (1 - given["c"]) ** 2 * given["alpha_squared"], **moved}

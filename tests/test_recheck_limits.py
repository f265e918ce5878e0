"""Each theorem's last test, typed again from its statement in doubles: it holds just below the limit and not above."""

from __future__ import annotations

from math import asin, sqrt

import pytest
import recheck_examples as ex
from test_recheck import genuine, verdict


def caron(doc):
    e, theta = doc["evidence"], doc["choices"]["theta"]
    return e["flips"] / ((1 - theta) ** 2 * e["kappa_hat"])


def caron_smooth(doc):
    e, theta, m, d = doc["evidence"], doc["choices"]["theta"], doc["model"]["m"], doc["model"]["d"]
    mu = e["gamma"] * theta**2 * e["kappa_hat"]
    squared_radii = e["mass"] * (e["slope"] * sqrt(e["s_X"] / d) * e["r_0"] / mu) ** 2
    return e["curvature"] ** 2 * e["fourth"] * squared_radii / (m * d * d) / ((1 - theta) ** 2 * e["kappa_hat"])


def chen_a(doc):
    e, c = doc["evidence"], doc["choices"]
    pull = e["lam"] * c["c_low"] ** 2 * e["steepness"] ** 2 * e["share"]
    return e["c_high"] * e["slope"] * e["g"] * e["zeta_0"] / pull / c["eta"]


def chen_b(doc):
    e, c = doc["evidence"], doc["choices"]
    u = c["split"]
    # the integral of sqrt(share - G_max x^2/eta^2) from 0 to split times its zero
    area = c["eta"] * e["share"] / sqrt(e["G_max"]) * (u * sqrt(1 - u * u) + asin(u)) / 2
    return e["zeta_0"] / (c["c_low"] * e["steepness"] * sqrt(e["lam"]) * area)


def chen_c(doc):
    e, rho = doc["evidence"], doc["choices"]["rho"]
    area = sum(q * (high - low) for q, low, high in zip(e["Q"], [0.0, *rho], rho, strict=False))
    return e["slope"] * e["g"] * e["zeta_0"] / e["lam"] / area


def _path(doc):
    """The total path P and the sum S of the residuals over time."""
    e, c = doc["evidence"], doc["choices"]["c"]
    alpha = sqrt(e["alpha_squared"])
    if doc["dynamics"] == "flow":
        return e["r_0"] / ((1 - c) * alpha), e["r_0"] / ((1 - c) * alpha) ** 2, alpha
    q = 2 * (1 - 2 * c - c**2) - (sqrt(e["top"]) + c * alpha) ** 2 * (1 + c) ** 2
    return 2 * (1 + c) / q * e["r_0"] / alpha, 2 * e["r_0"] / (q * alpha**2), alpha


def r1(doc):
    e, (inner, outer) = doc["evidence"], doc["model"]["rates"]
    path, _, alpha = _path(doc)
    eps = doc["model"]["output_scale"] * e["X_norm"] * sqrt(inner) * (sqrt(e["mass"]) + sqrt(outer) * path)
    return eps / (doc["choices"]["c"] * alpha)


def r0(doc):
    e, (inner, outer) = doc["evidence"], doc["model"]["rates"]
    path, _, alpha = _path(doc)
    weights, last = sqrt(inner) * path, sqrt(outer) * path
    size = doc["model"]["output_scale"] * e["X_norm"]
    change = size * (e["slope"] * last + e["curvature"] * e["a_max"] * e["x_max"] * weights)
    eps = sqrt(inner * change**2 + outer * (size * e["slope"] * weights) ** 2)
    return eps / (doc["choices"]["c"] * alpha)


def radii(doc):
    e, c, (inner, outer) = doc["evidence"], doc["choices"], doc["model"]["rates"]
    size = doc["model"]["output_scale"] * e["X_norm"]
    eps_w, eps_a = size * (sqrt(e["mass"]) + c["R_a"]), size * c["R_W"]
    return sqrt(inner * eps_w**2 + outer * eps_a**2) / (c["c"] * sqrt(e["alpha_squared"]))


def _need(doc, layer):
    e, c, rates = doc["evidence"], doc["choices"], doc["model"]["rates"]
    path, total, _ = _path(doc)
    size = doc["model"]["output_scale"] * e["X_norm"]
    eps = size * (sqrt(e["mass"]) + c["R_a"]) if layer == "W" else size * c["R_W"]
    rate = rates[0] if layer == "W" else rates[1]
    return min(sqrt(rate) * path, rate * (e[f"beta_{layer}"] + eps) * total)


CASES = [
    ("caron", caron, "flips", 4),
    ("caron smooth", caron_smooth, "r_0", 4),
    ("caron smooth", caron_smooth, "curvature", 4),
    ("caron smooth", caron_smooth, "fourth", 4),
    ("caron smooth", caron_smooth, "mass", 4),
    ("chen a", chen_a, "zeta_0", 6),
    ("chen a", chen_a, "c_high", 6),
    ("chen a", chen_a, "g", 6),
    ("chen b", chen_b, "zeta_0", 8),
    ("chen b", chen_b, "G_max", 8),
    ("chen c", chen_c, "zeta_0", 2),
    ("chen c tanh", chen_c, "slope", 2),
    ("r1", r1, "mass", 3),
    ("r1", r1, "X_norm", 3),
    ("r1 descent", r1, "mass", 4),
    ("r1 descent", r1, "r_0", 4),
    ("r0 tanh", r0, "curvature", 3),
    ("r0 tanh", r0, "a_max", 3),
    ("r0 tanh", r0, "r_0", 3),
    ("r0 descent gelu", r0, "x_max", 4),
    ("r0 descent gelu", r0, "slope", 4),
    ("radii", radii, "mass", 3),
    ("radii descent", radii, "X_norm", 4),
]


def _limit(doc, ratio, key):
    """Move one claim until the ratio of the test's sides is 1."""
    start, low, high = doc["evidence"][key], -60.0, 60.0
    for _ in range(200):
        middle = (low + high) / 2
        doc["evidence"][key] = start * 2.0**middle
        low, high = (middle, high) if ratio(doc) < 1 else (low, middle)
    return doc["evidence"][key]


@pytest.mark.parametrize(("name", "ratio", "key", "at"), CASES)
def test_the_last_test_has_its_limit_where_the_theorem_says(name, ratio, key, at, tmp_path):
    limit = _limit(genuine(name), ratio, key)
    for factor, holds in ((1 - 1e-9, True), (1 + 1e-9, False)):
        doc = genuine(name)
        doc["evidence"][key] = limit * factor
        lines = [line for line in verdict(doc, tmp_path).lines if line.name.startswith("test")]
        assert lines[at].ok == holds, lines[at].says


@pytest.mark.parametrize("name", ["radii", "radii descent", "radii slow outer"])
@pytest.mark.parametrize("layer", ["W", "a"])
def test_a_radius_must_reach_the_lesser_of_its_two_bounds(name, layer, tmp_path):
    for factor, holds in ((1 - 1e-9, False), (1 + 1e-9, True)):
        doc = genuine(name)
        doc["choices"][f"R_{layer}"] = _need(doc, layer) * factor  # it does not depend on the layer's own radius
        lines = [line for line in verdict(doc, tmp_path).lines if line.name.startswith(f"test R_{layer}")]
        assert [line.ok for line in lines] == [holds]


@pytest.mark.parametrize("c", [0.2, 0.3, 0.35])
def test_the_step_is_small_enough_only_where_q_is_positive(c, tmp_path):
    doc = genuine("r1 descent")
    doc["choices"]["c"] = c
    alpha = sqrt(doc["evidence"]["alpha_squared"])
    limit = (sqrt(2 * (1 - 2 * c - c * c)) / (1 + c) - c * alpha) ** 2
    for factor, holds in ((1 - 1e-9, True), (1 + 1e-9, False)):
        doc["evidence"]["top"] = limit * factor
        lines = {line.name: line.ok for line in verdict(doc, tmp_path).lines}
        assert lines["test q > 0"] == holds
        assert lines["evidence top"]


def test_doubled_evidence_still_counts_the_claims(tmp_path):
    """Formulas use the claims, not the truth: a worse claim gives a worse conclusion."""
    doc = ex.caron()
    doc["evidence"]["kappa_hat"] *= 0.99
    found = verdict(doc, tmp_path)
    bad = [line.name for line in found.lines if not line.ok]
    assert "evidence kappa_hat" not in bad
    assert {"conclusion least", "conclusion rate"} <= set(bad)

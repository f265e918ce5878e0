"""caron2023: both certificates of asymmetrical node scaling, numbers, tests and conclusions.

Every number is allowed to be worse than the truth, and all formulas use the claimed ones: they are monotone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb, arb_mat

from theorycheck.recheck import counting
from theorycheck.recheck.activations import most_curved, steepest
from theorycheck.recheck.balls import eigenvalue_line, hadamard, self_gram, squares
from theorycheck.recheck.results import Line, at_least, at_most, norm_at_most, tested
from theorycheck.recheck.stream import (
    Chunk,
    Mask,
    Network,
    as_balls,
    chunks,
    outer_weights,
    preactivations,
    relu_values,
    residual,
    smooth_values,
    table,
)

Numbers = dict[str, arb]


def derived(theorem: str, given: Numbers, d: int) -> Numbers:
    """Return mu and reach of the claimed numbers."""
    mu = given["gamma"] * given["theta"] ** 2 * given["kappa_hat"]
    reach = (given["s_X"] / d).sqrt() * given["r_0"] / mu
    return {"mu": mu, "reach": reach * given["slope"] if theorem.endswith("smooth") else reach}


def evidence(theorem: str, net: Network, given: Numbers, raw: dict[str, Any]) -> list[Line]:
    """Judge every number of the evidence.

    Parameters
    ----------
    theorem
        The label.
    net
        The network.
    given
        Choices and evidence as balls.
    raw
        The evidence as numbers.
    """
    m, d = net.weights.shape
    smooth = theorem.endswith("smooth")
    sums = _smooth_sums(net) if smooth else _relu_sums(net, given)
    gram = self_gram(net.inputs)
    name = "evidence {}".format
    lines = [
        at_least(name("gamma"), raw["gamma"], m * arb(float(net.scales.min()))),
        eigenvalue_line(
            name("kappa_hat"), raw["kappa_hat"], hadamard(gram, sums["together"]), arb(m) * d, side="at least"
        ),
        norm_at_most(name("r_0"), raw["r_0"], squares(residual(net, sums["f"], values_scaled=smooth))),
        eigenvalue_line(name("s_X"), raw["s_X"], gram, arb(1), side="at most"),
        at_most(name("mass"), raw["mass"], sums["mass"]),
    ]
    return lines + (_smooth_lines(net, raw, gram) if smooth else _flip_lines(net, raw, gram, sums))


def _flip_lines(net: Network, raw: dict[str, Any], gram: arb_mat, sums: dict[str, Any]) -> list[Line]:
    m, d = net.weights.shape
    sizes = arb_mat(gram.nrows(), gram.ncols(), [abs(x) for x in gram.entries()])
    flips, heavy = hadamard(sizes, sums["flips"]), hadamard(sizes, sums["heavy"])
    return [
        eigenvalue_line("evidence flips", raw["flips"], flips, arb(m) * d, side="at most"),
        eigenvalue_line("evidence heavy_flips", raw["heavy_flips"], heavy, arb(d), side="at most"),
    ]


def _smooth_lines(net: Network, raw: dict[str, Any], gram: arb_mat) -> list[Line]:
    scales = squares([arb(x) for x in net.scales.tolist()])
    fourth = squares([gram[i, i] for i in range(gram.nrows())])
    return [
        at_most("evidence mass_2", raw["mass_2"], scales),
        at_most("evidence fourth", raw["fourth"], fourth),
        at_most("evidence slope", raw["slope"], steepest(net.activation)),
        at_most("evidence curvature", raw["curvature"], most_curved(net.activation)),
    ]


def _empty(n: int) -> dict[str, Any]:
    sums: dict[str, Any] = {key: arb_mat(n, n) for key in ("together", "flips", "heavy")}
    return {**sums, "f": arb_mat(n, 1), "mass": arb(0)}


def _relu_sums(net: Network, given: Numbers) -> dict[str, Any]:
    """Return ``sum_j D_j D_j'``, the same of the flip sets, and weighted by the scales; output; sum of scales."""
    n = len(net.inputs)
    sums = _empty(n)
    for chunk in chunks(net):
        opened = counting.gates(chunk.weights, net.inputs, chunk.dots, chunk.errors)
        flipped = _flip_set(net, given, chunk)
        some = flipped.any(axis=1)
        sums["together"] += as_balls(counting.count(opened, opened))
        if some.any():
            sums["flips"] += as_balls(counting.count(flipped, flipped))
            sums["heavy"] += counting.weighted(flipped[some], flipped[some], chunk.scales[some])
        values = table(relu_values(chunk, opened), n)
        sums["f"] += values.transpose() * outer_weights(net, chunk)
        sums["mass"] += sum(map(arb, chunk.scales.tolist()), arb(0))
    return sums


def _flip_set(net: Network, given: Numbers, chunk: Chunk) -> Mask:
    """Return who may flip, ``(b, n)``: what is not proved to be beyond its radius counts as flipped."""

    def exact(j: int, i: int) -> bool | None:
        dot = abs(counting.exact_dot(chunk.weights[j], net.inputs[i]))
        reach = derived("caron2023.r0", given, net.inputs.shape[1])["reach"]
        return counting.compared(dot, arb(float(chunk.scales[j])).sqrt() * reach * _length(net, i))

    reach = derived("caron2023.r0", given, net.inputs.shape[1])["reach"]
    if not (reach.is_finite() and reach >= 0):  # some claim is out of range, and its own line fails
        return np.ones(chunk.dots.shape, dtype=np.bool_)
    right = counting.doubles([reach * _length(net, i) for i in range(len(net.inputs))])
    threshold = counting.bracket(counting.roots(chunk.scales), right)
    beyond = counting.exceeding(abs(chunk.dots), chunk.errors, threshold, exact, otherwise=False)
    return ~beyond


def _length(net: Network, i: int) -> arb:
    return squares([arb(x) for x in net.inputs[i].tolist()]).sqrt()


def _smooth_sums(net: Network) -> dict[str, Any]:
    n = len(net.inputs)
    sums = _empty(n)
    for chunk in chunks(net):
        values, slopes = smooth_values(net.activation, preactivations(net, chunk))
        steep = table(slopes, n)
        sums["together"] += steep.transpose() * steep
        sums["f"] += table(values, n).transpose() * outer_weights(net, chunk)
        sums["mass"] += sum(map(arb, chunk.scales.tolist()), arb(0))
    return sums


def tests(theorem: str, given: Numbers, m: int, d: int) -> list[Line]:
    """Judge the tests, from choices and evidence alone."""
    theta, room = given["theta"], (1 - given["theta"]) ** 2 * given["kappa_hat"]
    lines = [
        tested("gamma > 0", given["gamma"], ">", arb(0)),
        tested("theta > 0", theta, ">", arb(0)),
        tested("theta < 1", theta, "<", arb(1)),
        tested("kappa_hat > 0", given["kappa_hat"], ">", arb(0)),
    ]
    if not theorem.endswith("smooth"):
        return [*lines, tested("flips <= (1 - theta)^2 kappa_hat", given["flips"], "<=", room)]
    reach = derived(theorem, given, d)["reach"]
    change = given["curvature"] ** 2 / (arb(m) * d * d) * given["fourth"] * reach**2 * given["mass"]
    return [*lines, tested("curvature^2/(m d^2) fourth reach^2 mass <= (1 - theta)^2 kappa_hat", change, "<=", room)]


def formulas(theorem: str, given: Numbers, d: int) -> dict[str, list[arb]]:
    """Return each conclusion's formula; where there are two, either is a bound."""
    found = derived(theorem, given, d)
    mu, reach = found["mu"], found["reach"]
    whole = given["mass"] * given["s_X"] / d
    if theorem.endswith("smooth"):
        b = given["curvature"] ** 2 / arb(d) ** 2 * given["fourth"] * reach**2 * given["mass_2"]
        change = [b + 2 * given["slope"] * (b * whole).sqrt()]
    else:
        b = given["heavy_flips"]
        change = [b + 2 * (b * whole).sqrt(), whole]
    return {"least": [mu], "rate": [2 * mu], "reach": [reach], "change": change}

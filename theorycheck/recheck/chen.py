"""chen2022: the three mean-field certificates, numbers, tests and conclusions."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb, arb_mat

from theorycheck.recheck import counting
from theorycheck.recheck.activations import flattest, flattest_open, steepest, zero_of_slope
from theorycheck.recheck.balls import eigenvalue_line, self_gram, squares
from theorycheck.recheck.results import Line, at_least, at_most, none_above, norm_at_most, tested
from theorycheck.recheck.stream import (
    Array,
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


def evidence(theorem: str, net: Network, choices: dict[str, Any], raw: dict[str, Any]) -> list[Line]:
    """Judge every number of the evidence, in the order of the format."""
    m, d = net.weights.shape
    sums = _sums(net, choices)
    gram = self_gram(net.inputs)
    n = gram.nrows()
    columns = [squares([gram[k, i] for k in range(n)]) for i in range(n)]
    zeta = squares(residual(net, sums["f"], values_scaled=net.activation != "relu"))
    lines = [eigenvalue_line("evidence lam", raw["lam"], gram, arb(d), side="at least")]
    if "g" in raw:
        each = [norm_at_most("evidence g", raw["g"], x / arb(d) ** 2) for x in columns]
        lines.append(none_above("evidence g", raw["g"], each))
    lines.append(norm_at_most("evidence zeta_0", raw["zeta_0"], zeta))
    if "slope" in raw:
        lines.append(at_most("evidence slope", raw["slope"], steepest(net.activation)))
    if theorem == "chen2022.c":
        pairs = enumerate(zip(raw["Q"], sums["Q"], strict=True))
        return lines + [at_least(f"evidence Q_{k + 1}", q, found / m) for k, (q, found) in pairs]
    truth = flattest_open(net.activation, choices["low"], choices["high"])
    lines.append(at_least("evidence steepness", raw["steepness"], truth))
    if "c_high" in raw:
        lines.append(at_most("evidence c_high", raw["c_high"], arb(sup_of(net.signs))))
    lines.append(at_least("evidence share", raw["share"], arb(int(sums["inside"].min())) / m))
    if "G_max" in raw:
        each = [at_most("evidence G_max", raw["G_max"], gram[i, i] / d) for i in range(n)]
        lines.append(none_above("evidence G_max", raw["G_max"], each))
    return lines


def _sums(net: Network, choices: dict[str, Any]) -> dict[str, Any]:
    """Return output sums, and either the count of good neurons for each datum or the sums behind each Q."""
    n, relu = len(net.inputs), net.activation == "relu"
    output, inside = arb_mat(n, 1), np.zeros(n, dtype=np.int64)
    steep = [[arb(0)] * n for _ in choices.get("rho", [])]
    zero = zero_of_slope(net.activation)
    for chunk in chunks(net):
        points = [] if relu else preactivations(net, chunk)
        if relu:
            opened = counting.gates(chunk.weights, net.inputs, chunk.dots, chunk.errors)
            values = relu_values(chunk, opened)
        else:
            values = smooth_values(net.activation, points)[0]
        output += table(values, n).transpose() * outer_weights(net, chunk)
        if "c_low" in choices:
            inside += _inside(net, choices, chunk).sum(axis=0)
        for k, rho in enumerate(choices.get("rho", [])):
            found = _relu_steep(net, chunk, rho) if relu else _smooth_steep(net, chunk, points, rho, zero)
            steep[k] = [x + y for x, y in zip(steep[k], found, strict=True)]
    return {"f": output, "inside": inside, "Q": [_least(row) for row in steep]}


def _least(values: list[arb]) -> arb:
    least = values[0]
    for value in values[1:]:
        least = least.min(value)
    return least


def _inside(net: Network, choices: dict[str, Any], chunk: Chunk) -> Mask:
    """Return who has ``|c_j| >= c_low`` and its preactivation in the shrunken interval; unproved counts as no."""
    good = np.broadcast_to(np.abs(chunk.signs)[:, None] >= choices["c_low"], chunk.dots.shape)
    if choices["low"] is not None:
        good = good & _beyond(net, chunk, choices["low"], choices["eta"], 1)
    if choices["high"] is not None:
        good = good & _beyond(net, chunk, choices["high"], choices["eta"], -1)
    return np.asarray(good, dtype=np.bool_)


def _beyond(net: Network, chunk: Chunk, end: float, eta: float, sign: int) -> Mask:
    """Return ``h >= end + eta`` (sign 1) or ``h <= end - eta`` (sign -1)."""

    def edge() -> arb:
        return (sign * arb(end) + arb(eta)) * arb(net.inputs.shape[1]).sqrt()

    def exact(j: int, i: int) -> bool | None:
        dot = sign * counting.exact_dot(chunk.weights[j], net.inputs[i])
        return True if dot >= edge() else False if dot < edge() else None

    size, signed = counting.doubles([abs(edge())]), 1.0 if edge() >= 0 else -1.0
    low, high = counting.bracket(np.ones(1), size)
    ends = (low, high) if signed > 0 else (-high, -low)
    return counting.exceeding(sign * chunk.dots, chunk.errors, ends, exact, otherwise=False)


def _relu_steep(net: Network, chunk: Chunk, rho: float) -> list[arb]:
    """Return ``sum_j c_j^2`` over the neurons whose closed window stays in u > 0, for each datum."""
    sizes: Array = np.abs(chunk.signs)

    def edge() -> arb:
        return arb(rho) * arb(net.inputs.shape[1]).sqrt()

    def exact(j: int, i: int) -> bool | None:
        dot = counting.exact_dot(chunk.weights[j], net.inputs[i])
        return counting.compared(dot, arb(float(sizes[j])) * edge())

    threshold = counting.bracket(sizes, counting.doubles([edge()]))
    stays = counting.exceeding(chunk.dots, chunk.errors, threshold, exact, otherwise=False)
    alone = np.ones((len(sizes), 1), dtype=np.bool_)
    return list(counting.weighted(stays, alone, sizes, power=2).entries())


def _smooth_steep(net: Network, chunk: Chunk, points: list[arb], rho: float, zero: arb | None) -> list[arb]:
    """Return ``sum_j c_j^2 inf s'^2`` over the windows, for each datum."""
    n = len(net.inputs)
    sums = [arb(0)] * n
    for j, c in enumerate(chunk.signs.tolist()):
        radius, square = arb(rho) * abs(c), arb(c) ** 2
        for i in range(n):
            h = points[j * n + i]
            floor = flattest(net.activation, h - radius, h + radius, zero)
            sums[i] = sums[i] + square * floor * floor
    return sums


def tests(theorem: str, given: Numbers, choices: dict[str, Any], raw: dict[str, Any]) -> list[Line]:
    """Judge the tests, from choices and evidence alone."""
    nothing = arb(0)
    if theorem == "chen2022.c":
        ends = [arb(0), *map(arb, choices["rho"])]
        area = sum((arb(q) * (ends[k + 1] - ends[k]) for k, q in enumerate(raw["Q"])), nothing)
        need = given["slope"] * given["g"] * given["zeta_0"] / given["lam"]
        return [
            tested("lam > 0", given["lam"], ">", nothing),
            tested("Q_K > 0", arb(raw["Q"][-1]), ">", nothing),
            tested("sum_k Q_k (rho_k - rho_(k-1)) > slope g zeta_0/lam", area, ">", need),
        ]
    lines = [tested(f"{key} > 0", given[key], ">", nothing) for key in ("lam", "eta", "c_low", "steepness", "share")]
    if choices["low"] is not None and choices["high"] is not None:
        lines.append(tested("low < high", given["low"], "<", given["high"]))
    if theorem == "chen2022.a":
        need = given["c_high"] * given["slope"] * given["g"] * given["zeta_0"]
        statement = "c_high slope g zeta_0 < lam c_low^2 steepness^2 share eta"
        return [*lines, tested(statement, need, "<", _pull(given) * given["eta"])]
    split = given["split"]
    arc = split * (1 - split**2).sqrt() + split.asin()
    room = given["c_low"] * given["steepness"] * given["lam"].sqrt() * given["eta"] * given["share"]
    room = room / (2 * given["G_max"].sqrt()) * arc
    statement = "zeta_0 <= c_low steepness sqrt(lam) eta share/(2 sqrt(G_max)) (split sqrt(1-split^2) + asin(split))"
    inside = [tested("split > 0", split, ">", nothing), tested("split < 1", split, "<", arb(1))]
    return [*lines, *inside, tested(statement, given["zeta_0"], "<=", room)]


def _pull(given: Numbers) -> arb:
    return given["lam"] * given["c_low"] ** 2 * given["steepness"] ** 2 * given["share"]


def formulas(theorem: str, given: Numbers, choices: dict[str, Any], raw: dict[str, Any], n: int) -> dict[str, arb]:
    """Return each conclusion's formula."""
    if theorem == "chen2022.c":
        rate = given["lam"] * arb(raw["Q"][-1])
        return {"rate": 2 * rate / n, "window": arb(choices["rho"][-1])}
    rate = 2 * _pull(given) / n
    if theorem == "chen2022.a":
        need = given["c_high"] * given["slope"] * given["g"] * given["zeta_0"]
        return {"rate": rate, "window": need / _pull(given)}
    split = given["split"]
    return {"rate": rate * (1 - split**2), "path": split * given["eta"] * (given["share"] / given["G_max"]).sqrt()}

"""The experiments of razborov2022 on widths: Nguyen's test, R1's first width, the chain of R2, F2 and the orders of R3."""

from __future__ import annotations

import math

import numpy as np
import pytest

from theorycheck.theorems.razborov2022 import (
    nguyen,
    orders,
    phase,
    refined,
    widths,
)
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022 import width_conditions as w

# --- widths ----------------------------------------------------------------------------------------


def test_nguyens_best_constants_are_the_best():
    """(N1) at C_1, C_2 found by search: the least C_2 for which it holds is the eliminated one."""
    values = {nguyen.alpha_0: 9.0, nguyen.first: 3.0, nguyen.second: 1.5, nguyen.inputs_norm: 1.2, nguyen.loss: 0.7}
    known = [values[one] for one in (nguyen.alpha_0, nguyen.first, nguyen.second, nguyen.inputs_norm, nguyen.loss)]
    alpha, first, second, size, loss = known
    g = 16 * size * math.sqrt(2 * loss) / alpha**2
    assert g < 1

    def holds(c2):
        return any(g * max((second + c2) / c1, (first + c1) / c2) <= 1 for c1 in np.linspace(1e-3, 20, 40_001))

    low, high = 0.0, 20.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    top = second + high
    wanted = max(g, 32 * size**2 * top * math.sqrt(2 * loss) / alpha**3, 16 * size**2 * top**2 / alpha**2)
    assert nguyen.ratio(values) == pytest.approx(wanted, rel=1e-3)
    assert nguyen.ratio({**values, nguyen.alpha_0: 3.0}) == math.inf, "g >= 1: no constants"


def test_streamed_neurons_give_the_dense_networks_test(monkeypatch):
    rng, grid = np.random.default_rng(5), (300, 1000, 40_000)
    inputs, target = rng.standard_normal((3, 30)), rng.choice([-1.0, 1.0], 3)
    monkeypatch.setattr(nguyen, "BLOCK", 170)
    found = dict(nguyen.streamed(inputs, target, orders.rows_of(30, 7), grid))
    rows = orders.rows_of(30, 7).standard_normal((40_000, 31))
    for m in grid:
        first, second = rows[:m, 1:].T / math.sqrt(30), rows[:m, 0] / math.sqrt(m)
        features = np.maximum(inputs @ first, 0)
        at = {
            nguyen.alpha_0: np.linalg.svd(features, compute_uv=False)[2], nguyen.first: np.linalg.norm(first, 2),
            nguyen.second: np.linalg.norm(second), nguyen.inputs_norm: np.linalg.norm(inputs),
            nguyen.loss: float(np.sum((features @ second - target) ** 2) / 2),
        }  # fmt: skip
        assert found[m] == pytest.approx(nguyen.ratio({key: float(value) for key, value in at.items()}), rel=1e-9)
    assert found[300] > 1 > 0.05 * found[40_000]
    few = dict(nguyen.streamed(inputs, target, orders.rows_of(30, 7), (2,)))
    assert few[2] == math.inf, "three samples, two neurons: no least singular value"


def test_r1_certifies_from_the_first_width_on_that_it_says():
    inputs, target = np.random.default_rng(1).standard_normal((2, 12)), np.array([1.0, -1.0])
    grid = tuple(round(100 * 1.5**k) for k in range(12))
    found = orders.certified_width(inputs, target, 0, grid)
    assert grid[0] < found < grid[-1]
    place = grid.index(int(found))
    assert orders.certified_width(inputs, target, 0, grid[place:]) == found, "narrower ones do not change the wider"
    assert orders.certified_width(inputs, target, 0, grid[:place]) == math.inf
    assert orders.certified_width(inputs, 300 * target, 0, grid[: place + 1]) == math.inf, "labels too far away"


def test_promised_certified_observed_in_order(monkeypatch):
    point = {"labels": "weakest", "output weights": "signs"}
    found = orders.chain(point, 0, n=2, d=40, steps=12)
    assert found["observed"] < found["certified"] < found["promised"] < 1
    assert found["R1"] < 1
    assert found["in order"] == 1
    slow = phase.Walked(np.array([1.0, 0.9, 0.9 * 0.9999]), np.zeros((1, 1)), np.zeros(1), np.zeros(1, np.int64))
    monkeypatch.setattr(orders.phase, "walk", lambda *args, **more: slow)
    found = orders.chain(point, 0, n=2, d=40, steps=12)
    assert found["observed"] == pytest.approx(0.9999)
    assert found["in order"] == 0
    assert found["kept below"] < 0


def test_r2s_width_on_the_diagonal_is_the_search_of_widths():
    found = orders.along_the_diagonal({"n": 16, "output weights": "Gaussian"}, 0)
    inputs = np.random.default_rng([0, 31, 16, 16]).standard_normal((16, 16))
    assert found["width"] == widths.required(inputs, 4.0, law="normal")
    assert found["closed form"] == widths.required(inputs, 4.0, law="normal", closed=True)
    assert found["width"] != orders.along_the_diagonal({"n": 16, "output weights": "signs"}, 0)["width"]


# --- F2 and R3 -------------------------------------------------------------------------------------


def test_f2_is_the_theorys_bound_with_its_better_constants():
    """By hand with 15 and 31 (errata I4) for 18 and 34, and 6.293 log(6.81 m/p) for t_0."""
    n, d, m, p = 500, 60, 10_000, 0.01 / 7
    at = {
        t.kappa: 0.3,
        t.eta_W: 0.2,
        o.n: float(n),
        o.m: float(m),
        w.P: 2.5,
        w.delta: 0.01,
        o.d: float(d),
        refined.S: 77.0,
    }
    found = float(refined.F2.subs(at))
    big, t_0 = math.log(math.e * n), 6.293 * math.log(6.81 * m / p)
    moved = math.sqrt(0.2) * 2.5
    wanted = (
        0.09
        * 15
        * big
        * (max(d, t_0, 2 * math.log(n / p)) * 77 + 30.98 * math.sqrt(big) * n * math.sqrt(77 / d) * moved)
    )
    assert found == pytest.approx(wanted, rel=1e-3)
    theirs = (
        0.09 * 18 * big * (max(d, t_0, 2 * math.log(n / p)) * 77 + 34 * math.sqrt(big) * n * math.sqrt(77 / d) * moved)
    )
    assert found < theirs


def test_f2_bounds_the_jacobians_change_by_flips():
    """Gaussian data and weights, weights moved to flip as much as they can: far below the bound, which flips nothing at 0."""
    rng, n, d, m, p = np.random.default_rng(2), 40, 30, 400, 0.07
    inputs, weights = rng.standard_normal((n, d)), rng.standard_normal((m, d))
    heights = inputs @ weights.T
    moved = -1.001 * heights[0] / (inputs[0] @ inputs[0])  # what flips sample 0, cheapest first
    order = np.argsort(np.abs(moved))[:60]
    change = np.zeros((m, d))
    change[order] = moved[order, None] * inputs[0]
    flips = (inputs @ (weights + change).T > 0) ^ (heights > 0)
    gram = (inputs @ inputs.T) * (flips.astype(float) @ flips.T)
    radius, count = float(np.linalg.norm(change)), int(flips.sum(axis=1).max())
    at = {t.kappa: 1.0, t.eta_W: 1.0, o.n: float(n), o.m: float(m), w.P: radius, w.delta: p, o.d: float(d)}
    bound = float(refined.F2.subs({**at, refined.S: float(count)}))
    found = float(np.linalg.eigvalsh(gram)[-1])
    assert count == 60
    assert 0 < found < bound
    assert float(refined.F2.subs({**at, refined.S: 0.0})) == 0.0


@pytest.mark.parametrize(("theorem", "q", "wanted"), [("R2", 1.8, 7 / 3), ("R3", 1.8, 1.25), ("R3", 1.2, 1.0)])
def test_orders_are_those_that_are_stated(theorem, q, wanted):
    found = refined.ordered({"theorem": theorem, "q": q}, 0)
    assert found["stated"] == pytest.approx(wanted)
    assert abs(found["excess"]) < 0.1
    assert abs(found["exponent"] - (4 - 3 / q if theorem == "R3" else 1.25)) > 0.3


def test_idealised_data_are_like_drawn_ones():
    drawn = widths.data_of(np.random.default_rng(3).standard_normal((120, 60)))
    ideal = refined.idealised(120, 60)
    assert ideal.norm == pytest.approx(drawn.norm, rel=0.1)
    assert ideal.frobenius == pytest.approx(drawn.frobenius, rel=0.05)
    for bound, truth in ((ideal.least_W, drawn.least_W), (ideal.least_a, drawn.least_a)):
        assert 1 < truth / bound < 80

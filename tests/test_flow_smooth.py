"""The smooth flow against a reference at 1e-13, and its stated errors against what they claim to cover."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from theorycheck.compiled import compile_block
from theorycheck.flow import _suprema, smooth
from theorycheck.flow._form import make_form
from theorycheck.flow.smooth import follow_smooth
from theorycheck.flow.trajectory import FlowStalled, Trajectory
from theorycheck.network import Network
from theorycheck.symbolic.activations import ACTIVATIONS, Z

NAMES = ("tanh", "softplus", "sine", "gelu")
TIMES = np.array([0.0, 0.05, 0.3, 1.0, 2.0, 4.0])


@cache
def parts(name: str) -> dict:
    """The activation's value and slope on arrays."""
    activation = ACTIVATIONS[name]
    return {"value": compile_block((Z,), activation.expr), "slope": compile_block((Z,), activation.slope)}


def problem(seed: int) -> dict:
    """A random small problem with d < n, d = n and d > n."""
    rng = np.random.default_rng(seed)
    n, m, d = int(rng.integers(1, 4)), int(rng.integers(2, 11)), int(rng.integers(1, 5))
    return {
        "inputs": rng.standard_normal((n, d)),
        "labels": rng.standard_normal(n),
        "weights": rng.standard_normal((m, d)),
        "outer": rng.choice([-1.0, 1.0], m) * rng.uniform(0.3, 1.5, m) / np.sqrt(m),
        "inner": d**-0.5,
    }


def follow(name: str, given: dict, times: np.ndarray = TIMES, **rest) -> Trajectory:
    return follow_smooth(network(name, given), given["labels"][:, None], times, _suprema(ACTIVATIONS[name]), **rest)


def network(name: str, given: dict) -> Network:
    m = len(given["weights"])
    return Network(
        activation=ACTIVATIONS[name],
        inputs=given["inputs"],
        weights=given["weights"],
        shift=np.zeros(m),
        outer=given["outer"][:, None],
        inner=given["inner"],
        gain=np.ones(m),
    )


def reference(name: str, given: dict, times: np.ndarray = TIMES) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residuals, Grams and displacements by plain weights, another method (DOP853 at 1e-13 without any tricks)."""
    x, y, w0, a = (given[key] for key in ("inputs", "labels", "weights", "outer"))
    inner, value, slope = given["inner"], parts(name)["value"], parts(name)["slope"]

    def field(_: float, flat: np.ndarray) -> np.ndarray:
        z = inner * x @ flat.reshape(w0.shape).T
        residual = y - value(z) @ a
        return (inner * a[:, None] * ((slope(z) * residual[:, None]).T @ x)).ravel()

    out = solve_ivp(field, (0, times[-1]), w0.ravel(), "DOP853", times, rtol=3e-14, atol=1e-15)
    assert out.success
    weights = out.y.T.reshape(len(times), *w0.shape)
    z = inner * np.einsum("nd,tmd->tnm", x, weights)
    slopes = slope(z)
    grams = inner**2 * (x @ x.T) * np.einsum("tnm,m,tkm->tnk", slopes, a**2, slopes)
    moved = np.max(np.linalg.norm(weights - w0, axis=2) / np.abs(a), axis=1)
    return y - value(z) @ a, grams, moved


# The reference's own error: a few hundred steps at 3e-14.
REFERENCE = 3e-13


@pytest.mark.parametrize("seed", range(40))
def test_the_stated_error_is_never_below_the_true_error(seed):
    name, given = NAMES[seed % 4], problem(seed)
    found, (residual, grams, _) = follow(name, given), reference(name, given)
    true = np.linalg.norm(found.residual - residual, axis=1)
    assert np.all(true <= found.residual_error + REFERENCE)
    size = np.linalg.norm(found.residual[0])
    assert np.all(found.residual_error <= 1e-5 * size)  # and it is of some use
    assert np.allclose(found.gram, grams, atol=1e-7)
    assert found.drift <= 1e-7 * (size + 1)
    assert np.all(found.times == TIMES)
    assert found.note == ""


@pytest.mark.parametrize("seed", range(0, 40, 4))
@pytest.mark.parametrize("shift", [0, 1, 2, 3])
def test_columns_bracket_a_dense_sampling(seed, shift):
    name, given = NAMES[shift], problem(seed + shift)
    found = follow(name, given)
    dense = np.unique(np.concatenate([TIMES, np.linspace(0, TIMES[-1], 161)]))
    _, grams, moved = reference(name, given, dense)
    least = np.linalg.eigvalsh(grams)[:, 0]
    change = np.abs(np.linalg.eigvalsh(grams - grams[0])).max(axis=1)
    slack = 1e-12 * (1 + np.trace(grams[0]))
    for k in range(1, len(TIMES)):
        inside = (dense >= TIMES[k - 1]) & (dense <= TIMES[k])  # closed: the infimum is a limit
        before = dense <= TIMES[k]
        assert found.least[k, 0] <= least[inside].min() + slack
        assert found.least[k, 1] >= least[inside].min() - slack
        assert found.gram_change[k, 0] <= change[before].max() + slack
        assert found.gram_change[k, 1] >= change[before].max() - slack
        assert found.displacement[k, 0] <= moved[before].max() + slack
        assert found.displacement[k, 1] >= moved[before].max() - slack
    for column in (found.gram_change, found.displacement):
        assert np.all(np.diff(column, axis=0) >= 0)  # suprema over [0, t] do not fall
        assert np.all(column[:, 0] <= column[:, 1])


def test_the_late_grams_know_their_integration_error():
    """After convergence nothing moves between saved times; what is left is the error of where it stopped."""
    given = problem(8)
    times = np.array([0.0, 40.0, 80.0, 120.0])
    found = follow("tanh", given, times, tolerance=1e-6)
    _, grams, moved = reference("tanh", given, times)
    least = np.linalg.eigvalsh(grams)[:, 0]
    assert abs(np.linalg.eigvalsh(found.gram)[-1, 0] - least[-1]) > 1e-14  # else the test says nothing
    assert np.all(found.least[:, 0] <= least + 1e-13)
    assert np.all(found.least[:, 1] >= least - 1e-13)
    assert np.all(found.displacement[:, 0] <= moved + 1e-13)
    assert np.all(found.displacement[:, 1] >= moved - 1e-13)


def test_the_loss_keeps_relative_accuracy_while_it_falls():
    rng = np.random.default_rng(5)
    given = {
        "inputs": np.eye(3),
        "labels": np.array([0.5, -0.3, 0.2]),
        "weights": rng.standard_normal((10, 3)),
        "outer": rng.choice([-1.0, 1.0], 10) / np.sqrt(10),
        "inner": 1.0,
    }
    _, gram, _ = reference("tanh", given)
    times = np.linspace(0, 14.5 / np.linalg.eigvalsh(gram[0])[0], 12)
    found, finer = follow("tanh", given, times), follow("tanh", given, times, tolerance=1e-12)
    fallen = np.sum(found.residual**2, axis=1) / np.sum(found.residual[0] ** 2)
    assert fallen[-1] < 1e-11
    relative = np.linalg.norm(found.residual - finer.residual, axis=1) / np.linalg.norm(finer.residual, axis=1)
    assert relative.max() < 1e-6
    assert np.all(relative <= found.residual_error / np.linalg.norm(found.residual, axis=1) + 1e-11)


def test_one_neuron_against_an_exact_integral():
    """n = m = d = 1, exp-free: w' = s'(w) (y - s(w)) with s = sine and y = 1 has sin w = tanh-like closed form.

    With u = sin w: u' = (1 - u^2)(1 - u), so t = F(u) - F(u0), F(u) = 1/(2(1-u)) + log((1+u)/(1-u))/4.
    """
    given = {
        "inputs": np.ones((1, 1)),
        "labels": np.ones(1),
        "weights": np.zeros((1, 1)),
        "outer": np.ones(1),
        "inner": 1.0,
    }
    found = follow("sine", given, np.array([0.0, 0.5, 2.0, 8.0]))
    u = 1 - found.residual[:, 0]
    clock = 1 / (2 * (1 - u)) + np.log((1 + u) / (1 - u)) / 4 - 0.5
    assert np.allclose(clock, found.times, rtol=1e-8, atol=1e-12)


def test_zero_residual_does_not_move():
    given = problem(3)
    given["labels"] = parts("tanh")["value"](given["inner"] * given["inputs"] @ given["weights"].T) @ given["outer"]
    found = follow("tanh", given)
    assert not found.residual.any()
    assert not found.displacement.any()
    assert np.array_equal(found.final_weights, given["weights"])


def test_an_exhausted_budget_is_said():
    given = problem(4)
    cut = follow("tanh", given, np.linspace(0, 50, 400), budget=700)
    assert cut.note.startswith("stopped at t = ")
    assert 1 < len(cut.times) < 400
    assert len(cut.residual) == len(cut.least) == len(cut.gram_change) == len(cut.times)
    with pytest.raises(FlowStalled, match="budget"):
        follow("tanh", given, np.array([0.0, 1e5]), budget=100)


@pytest.mark.parametrize("spoil", [{"labels": 1e308}, {"weights": np.inf}])
def test_numbers_that_are_not_finite_stall_with_a_hint(spoil):
    given = problem(5)
    for key, size in spoil.items():
        given[key] = np.full_like(given[key], size)
    if "labels" in spoil:
        given["outer"] = given["outer"] * 1e200
    if "weights" in spoil:  # inf * 0 is the caller's
        given["inputs"] = np.abs(given["inputs"])
    with pytest.raises(FlowStalled, match="not finite"):
        follow("softplus", given)


@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1e8])
def test_the_label_scale_does_not_matter(scale):
    """A nearly linear problem: with tiny labels and antisymmetric doubling the flow scales."""
    base = problem(6)
    given = {
        **base,
        "weights": np.concatenate([base["weights"]] * 2),
        "outer": np.concatenate([base["outer"], -base["outer"]]),
        "labels": scale * base["labels"],
    }
    found = follow("tanh", given, np.array([0.0, 0.1]) if scale > 1 else TIMES)
    assert np.all(np.isfinite(found.residual))
    assert np.all(found.residual_error <= 1e-6 * np.linalg.norm(found.residual, axis=1))


# --- negative controls ----------------------------------------------------------------


def test_a_wrong_jacobian_is_detected_by_the_drift(monkeypatch):
    given = problem(7)
    assert follow("tanh", given).drift < 1e-7
    slope = parts("tanh")["slope"]
    wrong = replace(
        make_form(network("tanh", given), given["labels"][:, None]),
        slope=lambda z: slope(z) * (1 + 0.01 * np.cos(z)),
        gates=None,
    )
    monkeypatch.setattr(smooth, "make_form", lambda *_: wrong)
    found = follow("tanh", given)
    assert found.drift > 1e-4
    assert found.bound[-1, 0] > 1e-4  # and the defect says so too


def test_an_error_estimate_from_equal_tolerances_would_be_too_small(monkeypatch):
    monkeypatch.setattr(smooth, "COARSE", 1.0)
    monkeypatch.setattr(smooth, "INTERPOLANT", 0.0)
    uncovered = 0
    for seed in range(8):
        name, given = NAMES[seed % 4], problem(seed)
        found, (residual, *_) = follow(name, given, tolerance=1e-7), reference(name, given)
        true = np.linalg.norm(found.residual - residual, axis=1)
        uncovered += np.any(true > found.residual_error + REFERENCE)
    assert uncovered > 0


def test_a_path_bound_that_forgets_the_intervals_between_would_be_wrong():
    """What is seen at saved times only misses an excursion between them."""
    for seed in range(40):
        given = problem(seed)
        found = follow("sine", given)
        _, grams, _ = reference("sine", given, np.linspace(0, TIMES[-1], 321))
        change = np.abs(np.linalg.eigvalsh(grams - grams[0])).max()
        if change > found.gram_change[-1, 0] + 1e-6:
            assert change <= found.gram_change[-1, 1]
            assert replace(found, note="").gram_change[-1, 1] > found.gram_change[-1, 0]
            return
    pytest.fail("no excursion between saved times: the negative control is empty")

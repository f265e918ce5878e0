"""chen2022's identities (3.1) to (3.7): proved in symbols for every activation, seen along flows, and their measures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from flint import arb_mat
from scipy.integrate import solve_ivp
from test_network import is_zero

from theorycheck.compiled import compile_block
from theorycheck.flow import Run, follow
from theorycheck.measure import NoTrajectory
from theorycheck.symbolic.activations import ACTIVATIONS, Activation, Z
from theorycheck.symbolic.network import MEAN_FIELD, loss_derivative
from theorycheck.theorems.chen2022 import gaps, setting
from theorycheck.theorems.chen2022.derivation import Network, identities
from theorycheck.theorems.chen2022.identities import OUTPUTS, SANDWICH

NAMES = ["tanh", "erf", "sigmoid", "softplus", "gelu", "silu", "relu"]
SIZES = [(1, 1, 1, 1), (2, 1, 1, 1), (1, 2, 1, 1), (1, 1, 2, 1), (2, 2, 2, 1), (1, 2, 1, 2), (2, 1, 1, 2)]
ANY = Activation("s", sp.Function("s")(Z))


def plain(expr: sp.Expr) -> sp.Expr:
    """Derivatives of the undefined function as a function of their own, so that equal terms look equal."""
    return expr.doit().replace(lambda part: isinstance(part, sp.Subs), lambda part: sp.Function("s1")(part.point[0]))


@pytest.mark.parametrize("size", SIZES)
def test_the_identities_hold_for_every_activation(size):
    found = identities(ANY, *size)
    assert set(found) == {"3.1", "3.2", "3.3", "3.4" if size[3] == 1 else "3.7", "3.5", "3.6"}
    for label, pairs in found.items():
        for left, right in pairs:
            assert sp.expand(plain(left) - plain(right)) == 0, label


def test_a_wrong_identity_is_told_apart():
    for label, pairs in identities(ANY, 2, 1, 1).items():
        assert any(sp.expand(plain(left) - 2 * plain(right)) != 0 for left, right in pairs), label


@pytest.mark.parametrize("name", NAMES)
def test_the_identities_hold_at_rational_points_with_the_slopes_of_the_activation(name):
    """ReLU has no derivative to prove with; its slope is the one that the flow uses."""
    for label, pairs in identities(ACTIVATIONS[name], 2, 1, 2).items():
        for left, right in pairs:
            if not (left - right).has(sp.Derivative):
                assert is_zero(left - right, 2), label


def test_the_tangent_gram_is_that_of_the_neuron():
    net = Network(ACTIVATIONS["tanh"], 2, 2, 1)
    p, q, meet = sp.symbols("p_1 p_2 product", real=True)
    entry = MEAN_FIELD.tangent_entry(net.activation, p, q, meet)
    total = sp.S.Zero
    for i in range(2):
        here = {p: net.x[0] * net.w[i], q: net.x[1] * net.w[i], meet: net.x[0] * net.x[1], sp.Symbol("a", real=True): net.c[i]}  # fmt: skip
        total += entry.subs({sp.Symbol("d", positive=True): 1, sp.Symbol("m", positive=True): 2}).subs(here)
    assert is_zero(2 * total - net.tangent[0, 1])
    # its own loss is |r|^2/2 and its time -grad L: 1/n of the loss and m times the speed make m/n^2
    _, by_gram = loss_derivative(MEAN_FIELD, net.activation, 2, 2, 1)
    residual = {sp.Symbol(f"r_{a}", real=True): -net.zeta[a] for a in range(2)}
    size = {sp.Symbol("d", positive=True): 1, sp.Symbol("m", positive=True): 2}
    fallen = sp.Rational(2, 4) * by_gram.subs(size).subs(residual)
    assert is_zero(fallen - identities(net.activation, 2, 2, 1)["3.3"][0][1])


# --- along a flow --------------------------------------------------------------------------


def small(name: str):
    flags = {key: default for key, (_, default) in setting.FLAGS.items()} | {"n": 3, "d": 5, "m": 12}
    flags |= {key: default for key, (_, default) in setting.DATA.items()}
    return setting.build({**flags, "activation": name, "mirrored": False, "kappa": 2.0})


def closed_form(instance, horizon: float):
    """Integrate (3.1) for h, (3.2) for zeta on its own, and the two sides of (3.3), from the closed forms alone."""
    value, slope = (compile_block((Z,), expr) for expr in (instance.activation.expr, instance.activation.slope))
    n, m, c = instance.n, instance.m, instance.signs
    gram = instance.inputs @ instance.inputs.T / instance.d
    h = instance.inputs @ instance.weights.T / instance.d**0.5
    zeta = value(h) @ c / m - instance.labels

    def speed(_, state):
        h, zeta = state[: n * m].reshape(n, m), state[n * m : n * m + n]
        steep = slope(h)
        own = value(h) @ c / m - instance.labels
        force = -steep * c * own[:, None] / n
        tangent = gram * ((steep * c**2) @ steep.T / m)
        by_gram, by_speed = zeta @ tangent @ zeta / n**2, np.sum(force * (gram @ force)) / m
        return np.concatenate(
            [
                (gram @ force).ravel(),
                -tangent @ zeta / n,
                [by_gram, by_speed, np.sqrt(by_gram)],
                np.mean(force**2, axis=1),
            ]
        )

    start = np.concatenate([h.ravel(), zeta, np.zeros(3 + n)])
    found = solve_ivp(speed, (0, horizon), start, method="DOP853", rtol=1e-12, atol=1e-14)
    end = found.y[:, -1]
    return h, end[: n * m].reshape(n, m), zeta, end[n * m : n * m + n], *end[n * m + n : n * m + n + 3]


@pytest.mark.parametrize("name", NAMES)
def test_a_flow_obeys_the_closed_forms(name):
    instance, horizon = small(name), 2.0
    path = follow(instance, horizon).trajectory
    h_0, h, zeta_0, zeta, by_gram, by_speed, length = closed_form(instance, horizon)
    ends = instance.inputs @ path.final_weights.T / instance.d**0.5
    loss = [float(np.sum(z**2)) / (2 * instance.n) for z in (zeta_0, zeta)]
    size = float(np.abs(h).max())
    # a kink on the way costs the plain integrator digits; the flow itself passes it exactly
    close = 1e-9 + float(path.residual_error[-1]) / float(np.linalg.norm(zeta_0))
    assert np.abs(ends - h).max() < close * size  # (3.1)
    assert np.linalg.norm(path.residual[-1] + zeta) < close * np.linalg.norm(zeta_0)  # (3.2)
    assert abs(loss[0] - loss[1] - by_gram) < close * loss[0]  # (3.3)
    assert abs(by_gram - by_speed) < close * loss[0]
    assert loss[1] < 0.9 * loss[0]  # something happened
    # (3.5): the path's length, its rate, and what moves no further
    moved_w = np.sqrt(np.sum((path.final_weights - instance.weights) ** 2) / instance.m)
    diagonal = np.sum(instance.inputs**2, axis=1) / instance.d
    moved_h = np.sqrt(np.mean((ends - h_0) ** 2, axis=1))
    assert moved_w <= length * (1 + close)
    assert np.all(moved_h <= np.sqrt(diagonal) * length * (1 + close))
    rate = 2 * float(path.least[:, 0].min())  # the run's tangent Gram is K/n
    assert length <= 2 / np.sqrt(rate) * (np.sqrt(loss[0]) - np.sqrt(loss[1])) * (1 + close)


def test_the_constant_of_the_path_length_is_sharp():
    """One sample and a linear activation: the loss falls at one rate, and the path is as long as (3.5) allows."""
    instance = setting.drawn(np.ones((1, 1)), np.array([3.0]), width=2, activation="identity", mirrored=False)
    _, _, zeta_0, zeta, _, _, length = closed_form(instance, 1.0)
    rate = 2 * float(instance.start[1][0, 0])
    allowed = 2 / np.sqrt(rate) * (abs(zeta_0[0]) - abs(zeta[0])) / np.sqrt(2)
    assert abs(length / allowed - 1) < 1e-10


# --- the measures --------------------------------------------------------------------------


def relative(instance) -> tuple[float, float, float, float]:
    """The numbers of (3.4) and (3.7) by plain floating point, another way round."""
    slope = compile_block((Z,), instance.activation.slope)
    n, signs = instance.n, instance.signs.reshape(instance.m, -1)
    steep = slope(instance.inputs @ instance.weights.T / instance.d**0.5)
    gram = instance.inputs @ instance.inputs.T / instance.d
    tangent = sum(
        np.kron(np.diag(steep[:, i]) @ gram @ np.diag(steep[:, i]), np.outer(signs[i], signs[i]))
        for i in range(instance.m)
    )
    blocks = [(signs.T * steep[a] ** 2) @ signs / instance.m for a in range(n)]
    diagonal = np.kron(np.eye(n), np.ones((signs.shape[1],) * 2)) * np.tile(np.hstack(blocks), (n, 1))
    values = np.sort(np.linalg.eigvals(np.linalg.solve(diagonal, tangent / instance.m)).real)
    return values[0], values[-1], np.linalg.eigvalsh(tangent / instance.m)[0], min(np.linalg.eigvalsh(b)[0] for b in blocks)  # fmt: skip


@pytest.mark.parametrize("card", [SANDWICH, OUTPUTS], ids=lambda card: card.label)
@pytest.mark.parametrize("name", ["tanh", "relu", "gelu"])
def test_the_measures_agree_with_plain_linear_algebra(card, name):
    instance = card.example(n=3, d=4, m=40, activation=name, mirrored=False)
    found = gaps.gaps(instance)
    for measured, plain_value in zip((found.low, found.high, found.least, found.steep), relative(instance), strict=True):  # fmt: skip
        assert measured.rigorous
        assert abs(float(measured.value) - plain_value) < 1e-11
        assert float(measured.error) < 1e-9
    tangent = instance.n * instance.start[1]  # the run's own rate is m/n
    assert abs(np.linalg.eigvalsh(tangent)[0] - float(found.least.value)) < 1e-12


def test_orthogonal_inputs_make_the_sandwich_an_equality():
    found = gaps.gaps(SANDWICH.example(n=3, d=3, m=20, data="orthogonal"))
    assert float(abs(found.low.value - 1)) < 1e-12
    assert float(abs(found.high.value - 1)) < 1e-12


def test_a_sample_that_no_neuron_answers_to_is_left_out():
    instance = SANDWICH.example(n=2, d=2, m=4, data="orthogonal", activation="relu")
    weights = np.abs(instance.weights) * [1.0, -1.0]
    found = gaps.gaps(replace(instance, weights=weights))
    assert abs(float(found.least.value)) + abs(float(found.steep.value)) < 1e-200
    assert float(found.low.value) == float(found.high.value) == 1
    # nothing is said where a block is singular without being 0
    lonely = OUTPUTS.example(n=2, d=2, m=1, mirrored=False)
    assert np.isnan(gaps.gaps(lonely).low.value)


def test_a_root_is_the_inverse_of_a_cholesky_factor():
    block = arb_mat([[4, 2], [2, 3]])
    root = gaps._root(block)
    assert np.allclose(np.array((root * block * root.transpose()).tolist(), dtype=float), np.eye(2))
    assert gaps._root(arb_mat([[1, 1], [1, 1]])) is None


def test_labels_of_several_outputs_are_classes():
    instance = OUTPUTS.example(data="digits", rows=3, m=10)
    assert instance.labels.shape == (3, 3)
    assert np.array_equal(instance.labels.sum(axis=1), np.ones(3))
    with pytest.raises(ValueError, match="outputs"):
        OUTPUTS.example(data="diabetes", rows=12)
    with pytest.raises(NoTrajectory):
        setting.RATE.measure(Run(instance))  # a statement about time 0 has no flow

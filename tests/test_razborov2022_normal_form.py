"""Lemma 1.1 of razborov2022: two parametrisations are one run; gradient flow conserves what it should."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from theorycheck.data import BadInput
from theorycheck.flow import Run, follow
from theorycheck.flow.descent import descend
from theorycheck.model import Instance
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.network import TWO_LAYER
from theorycheck.theorems.razborov2022 import normal_form as nf

SIZES = {nf.m: 40, nf.d: 7, nf.n: 6, nf.label_norm: 2.5, nf.eta: 0.01}


def value(expr):
    return float(sp.sympify(expr).subs(SIZES))


def pair(name, scale=1.0):
    """The scheme as it is written, and in normal form; the same weights and data."""
    rng = np.random.default_rng(4)
    inputs, weights, outer = rng.standard_normal((6, 7)), rng.standard_normal((40, 7)), rng.standard_normal(40)
    scheme = nf.SCHEMES[name]
    rest = (np.ones(40), TWO_LAYER, activation("relu"))
    labels = rng.standard_normal(6)
    kappa, *rates = (value(part) for part in scheme.normal)
    written = Instance(
        inputs, labels, value(scheme.first) * weights, value(scheme.second) * outer, *rest,
        rates=tuple(scale * value(rate) for rate in scheme.rates), output_scale=value(scheme.scale),
    )  # fmt: skip
    normal = Instance(inputs, labels, weights, outer, *rest, rates=tuple(scale * r for r in rates), output_scale=kappa)
    return written, normal


@pytest.mark.parametrize("name", nf.SCHEMES)
def test_a_scheme_and_its_normal_form_descend_alike(name):
    runs = [descend(one, step=1.0, steps=200, record=20).residual for one in pair(name)]
    assert np.linalg.norm(runs[0][-1]) < 0.999 * np.linalg.norm(runs[0][0])
    np.testing.assert_allclose(*runs, atol=1e-12)
    _, normal = pair(name)
    other = Instance(**{key: getattr(normal, key) for key in ("inputs", "labels", "weights", "signs", "scales", "neuron", "activation", "output_scale")}, rates=(normal.rates[0], 2 * normal.rates[1] + normal.rates[0]))  # fmt: skip
    assert np.abs(descend(other, step=1.0, steps=200, record=20).residual - runs[0]).max() > 1e-6


@pytest.mark.parametrize("name", ["he", "lecun"])
def test_and_flow_alike(name):
    runs = [follow(one, times=np.linspace(0, 1.0, 5)).trajectory.residual for one in pair(name, scale=10.0)]
    assert np.linalg.norm(runs[0][-1]) < 0.9 * np.linalg.norm(runs[0][0])
    np.testing.assert_allclose(*runs, atol=1e-9)


def test_the_dictionary_says_what_the_theory_says():
    m, d, eta = nf.m, nf.d, nf.eta
    table = {
        "lecun": (1 / sp.sqrt(m * d), eta * d, eta * m, d / (m + d)),
        "ntk": (1 / sp.sqrt(m * d), eta, eta, sp.Rational(1, 2)),
        "ntk_unscaled": (1 / sp.sqrt(m), eta, eta, sp.Rational(1, 2)),
        "he": (2 / sp.sqrt(m * d), eta * d / 2, eta * m / 2, d / (m + d)),
        "first": (1 / sp.sqrt(m * d), eta, 0, 1),
        "last": (1 / sp.sqrt(m * d), 0, eta, 0),
    }
    for name, told in table.items():
        found = (*nf.SCHEMES[name].normal, nf.SCHEMES[name].share)
        assert all(sp.simplify(a - b) == 0 for a, b in zip(found, told, strict=True)), name
    # Oymak and Soltanolkotabi: kappa = |y|/sqrt(m n), output weights of size 1
    assert sp.simplify(nf.SCHEMES["oymak"].normal[0] - nf.label_norm / sp.sqrt(m * nf.n)) == 0


def test_a_scheme_that_needs_labels_is_no_flag():
    with pytest.raises(BadInput, match="lecun, he, ntk"):
        nf.normal_form("oymak", 3, 4)


@pytest.mark.parametrize("rates", [(1.0, 0.05), (0.3, 2.0)])
def test_flow_conserves_it_to_its_own_error_and_descent_does_not(rates):
    rng = np.random.default_rng(1)
    made = Instance(
        rng.standard_normal((3, 4)), rng.standard_normal(3), rng.standard_normal((12, 4)), rng.standard_normal(12), np.ones(12),
        TWO_LAYER, activation("relu"), rates=rates, output_scale=0.3,
    )  # fmt: skip
    run = follow(made, 3.0, count=12)
    before, after = (
        rates[1] * nf.squares(run, True, end).value - rates[0] * nf.squares(run, False, end).value
        for end in (False, True)
    )
    parts = [(rate, nf.squares(run, inner, True)) for rate, inner in ((rates[1], True), (rates[0], False))]
    error = sum(rate * part.error for rate, part in parts)
    assert np.all(np.abs(after - before) <= error)
    moved = np.abs(nf.squares(run, True, True).value - nf.squares(run, True, False).value)
    assert moved.max() > 1e4 * error.max()  # what is conserved is not just what stays
    wrong = rates[0] * (nf.squares(run, True, True).value - nf.squares(run, True, False).value) - rates[1] * (
        nf.squares(run, False, True).value - nf.squares(run, False, False).value
    )
    assert np.abs(wrong).max() > 1e4 * error.max()
    found = descend(made, step=0.1, steps=30, record=2).network
    drift = rates[1] * np.sum(found.weights**2, axis=1) - rates[0] * (found.outer[:, 0] / 0.3) ** 2 - before
    assert np.abs(drift).max() > 1e4 * error.max()


def test_nothing_is_said_of_a_run_without_a_flow():
    with pytest.raises(ValueError, match="simulate"):
        nf.squares(Run(pair("lecun")[0]), True, True)

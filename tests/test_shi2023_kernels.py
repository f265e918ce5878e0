"""R10 of shi2023: correlations with all parities, minima over a ball, and networks on fixed features that are trained."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.check import check
from theorycheck.data import BadInput
from theorycheck.evidence import Outcome
from theorycheck.flow.descent import descend
from theorycheck.theorems import cards
from theorycheck.theorems.shi2023 import fixed, kernels
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023.parities import cube

KERNELS = next(card for card in cards() if card.label == "shi2023.kernels")


def test_walsh_is_the_mean_of_each_parity_times_the_values():
    values = np.random.default_rng(0).standard_normal((16, 3))
    found = fixed.walsh(values)
    for index in range(16):
        np.testing.assert_allclose(found[index], fixed.parity_of(cube(4), index) @ values / 16, atol=1e-15)
    assert np.abs(found[1] - found[2]).max() > 0.01  # another set, another mean


def test_sets_are_all_of_them():
    found = fixed.sets(6, 3)
    assert len(set(found.tolist())) == len(found) == 20
    assert {int(one).bit_count() for one in found} == {3}


@pytest.mark.parametrize("radius", [0.05, 1.0, 20.0])
def test_least_hinge_encloses_the_minimum_in_one_dimension(radius):
    rng = np.random.default_rng(3)
    signed, chances = rng.standard_normal((30, 1)) + 0.3, np.full(30, 1 / 30)
    grid = np.linspace(-radius, radius, 200_001)[:, None]
    best = min(float(np.min(np.maximum(0, 1 - part @ signed.T) @ chances)) for part in np.array_split(grid, 50))
    found = fixed.least_hinge(signed, chances, radius)
    assert float(found.value - found.error) <= best + 1e-9
    assert best <= float(found.value + found.error) + 1e-4 * radius
    assert float(found.error) < 1e-3
    # the interval is no wider than it says: three of its widths away there is nothing
    assert abs(best - float(found.value)) < 3 * float(found.error) + 1e-4 * radius


def test_what_features_explain_does_not_depend_on_their_size():
    """One parity after another by least squares, for features of very different lengths, two of them parallel."""
    values = np.random.default_rng(2).standard_normal((32, 4)) * np.array([1.0, 0.1, 1e-4, 1.0])
    values[:, 3] = 2 * values[:, 0]
    chosen, found = fixed.sets(5, 2), 0.0
    for index in chosen:
        wanted = fixed.parity_of(cube(5), int(index))
        fit = values @ np.linalg.lstsq(values, wanted, rcond=1e-12)[0]
        found += 1 - float(np.mean((wanted - fit) ** 2))
    assert found == pytest.approx(fixed.explained(fixed.walsh(values), chosen), rel=1e-9)
    assert found < 3 < 1.2 * len(chosen)


def test_the_best_features_of_this_size_meet_the_bound():
    """Spread over all parities they correlate with each like the root of N/C, and with small weights the hinge is a line."""
    instance = KERNELS.example(features="spread", B=0.1, d=8, k=4, m=5)
    found = kernels.known(instance)
    np.testing.assert_allclose(np.sqrt(found["apart"]), np.sqrt(5 / 70), rtol=1e-9)
    least = kernels._least(instance)
    assert abs(float(least.value) - (1 - 0.1 * np.sqrt(5 / 70))) < 1e-9
    # the room for rounding is no larger than that
    bound = float(kernels.HINGE.subs({kernels.N: 5, kernels.B: 0.1, kernels.parities: 70, kernels.uniform: 1}))
    assert 0 < float(least.value) - bound < 1e-8
    # and random ReLU features do not
    assert kernels.known(KERNELS.example(d=8, k=4, m=5))["apart"].min() < 0.1 * 5 / 70


@pytest.mark.parametrize("data", ["sphere", "breast_cancer"])
def test_trained_random_features_do_no_better_than_the_bound_where_the_network_does(data):
    """A gradient descent of the output weights on features that stand still, on the labels that the zig-zag network fits."""
    instance = KERNELS.example(data=data, d=9, k=5, m=12)
    units = kernels.known(instance)
    scale = np.linalg.norm(units["rows"], axis=0) / np.maximum(np.linalg.norm(kernels._plain(instance, instance.inputs), axis=0), 1e-300)  # fmt: skip
    net = s.network(instance.inputs, instance.labels, instance.weights * scale[:, None], np.zeros(12), instance.biases * scale)  # fmt: skip
    trained = descend(net, step=(0.0, 0.05), steps=400, loss="hinge", mean=True, record=5)
    size = float(np.linalg.norm(trained.network.outer))
    bound = 1 - size * np.sqrt(12 / 126)
    assert size > 0.01
    assert 0.3 < bound <= trained.loss[-1] <= 1 + 1e-12
    outcomes = {verdict.claim: verdict.outcome for verdict in check(KERNELS, instance).verdicts}
    assert outcomes["network"] is Outcome.CONFIRMED


def test_labels_of_another_parity_are_not_judged():
    from dataclasses import replace

    instance = KERNELS.example(d=6, k=3, m=2)
    easier = replace(instance, labels=instance.inputs[:, 0])
    outcomes = {verdict.claim: verdict.outcome for verdict in check(KERNELS, easier).verdicts}
    assert outcomes["hinge"] not in (Outcome.CONFIRMED, Outcome.REFUTED)
    assert outcomes["average"] is Outcome.CONFIRMED


def test_data_without_the_whole_cube_are_not_judged():
    """Of half a cube nothing is known: p_o would be 2, and the bound above any hinge loss."""
    from dataclasses import replace

    instance = KERNELS.example(d=6, k=3, m=2, B=0.1)
    half = instance.inputs[:, 0] > 0
    some = replace(instance, inputs=instance.inputs[half], labels=instance.labels[half])
    outcomes = {verdict.claim: verdict.outcome for verdict in check(KERNELS, some).verdicts}
    assert not {outcomes["hinge"], outcomes["this parity"]} & {Outcome.CONFIRMED, Outcome.REFUTED}


@pytest.mark.parametrize(
    ("flags", "said"),
    [({"d": 13}, "--d"), ({"k": 11}, "--k"), ({"m": 0}, "--m"), ({"B": 0.0}, "--B"), ({"features": "best"}, "--features"), ({"copies": -1}, "--copies")],
)  # fmt: skip
def test_bad_input_is_one_sentence(flags, said):
    with pytest.raises(BadInput, match=said) as caught:
        KERNELS.example(**flags)
    assert "\n" not in str(caught.value)

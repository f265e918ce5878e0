"""R8.5 of shi2023: the variance of a batch's gradients against drawn batches, and gradients that may be longer than E|x| (errata U3)."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.data import BadInput
from theorycheck.theorems import cards
from theorycheck.theorems.shi2023 import batch
from theorycheck.theorems.shi2023 import setting as s

BATCH = next(card for card in cards() if card.label == "shi2023.batch")


def test_the_spread_is_the_mean_square_over_batches():
    instance = BATCH.example(m=1, samples=20, n=9)
    wanted = float(batch._found(instance)["spread"])
    squares = np.array([batch._found(instance.redraw(instance, draw))["worst"] ** 2 for draw in range(1, 1501)])
    z = (squares.mean() - wanted) / (squares.std() / len(squares) ** 0.5)
    assert abs(z) < 4
    assert abs((squares.mean() - 1.2 * wanted) / (squares.std() / len(squares) ** 0.5)) > 4  # a fifth more is seen


def test_a_large_batch_has_the_population_s_gradient():
    instance = BATCH.example(m=5, samples=10**12)
    assert batch._found(instance)["worst"] < 1e-5 * batch._found(instance)["length"]
    np.testing.assert_allclose(batch._found(instance)["length"], 0.5 * np.linalg.norm(s.empirical_gradients(instance)[0], axis=1).max())  # fmt: skip


def test_a_batch_s_gradient_may_be_longer_than_the_mean_input():
    """U3 (b): so U and beta need B_1 + zeta B_G, not B_1."""
    inputs = np.array([[1.0], [3.0]])
    longer = 0
    for draw in range(200):
        counts = np.random.default_rng([1, draw]).multinomial(20, [0.5, 0.5])
        longer += float(counts @ inputs[:, 0]) / 20 > 2.0
    assert 50 < longer < 120


@pytest.mark.parametrize(
    ("flags", "said"), [({"zeta": 1.0}, "--zeta"), ({"share": 0.0}, "--share"), ({"samples": -1}, "--samples"), ({"bias": 100.0}, "--bias")]
)  # fmt: skip
def test_bad_input_is_one_sentence(flags, said):
    with pytest.raises(BadInput, match=said) as caught:
        BATCH.example(**flags)
    assert "\n" not in str(caught.value)

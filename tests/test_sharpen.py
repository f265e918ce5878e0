"""Sharpened widths: the ladder starts at the card's own width, falls, and its foot is certified."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from toy_card import run

from theorycheck.flow import Run
from theorycheck.sharpen import tried
from theorycheck.theorems import sharpenings
from theorycheck.theorems.caron2023 import r1, sharp

FLAGS = {"n": 3, "d": 3, "delta": 0.1, "data": "orthogonal"}
R1, R2 = sharpenings()


def ladder(one, **flags):
    return {rung.label: rung.width for rung in one.ladder(one.theorem.example(**{**FLAGS, **flags, "m": 1}))}


@pytest.mark.parametrize("one", [R1, R2], ids=lambda one: one.theorem.label)
@pytest.mark.parametrize("flags", [{}, {"gamma": 0.4, "delta": 0.9}, {"data": "diabetes", "rows": 3}])
def test_every_rung_is_at_most_the_one_above(one, flags):
    widths = list(ladder(one, **flags).values())
    assert all(math.isfinite(width) and width > 0 for width in widths)
    assert all(low <= high * (1 + 1e-3) for high, low in pairwise(widths)), widths


def test_r1_at_n_3_is_sharpened_by_far_more_than_a_hundred_times_and_certified():
    """The issue asks for 100; the foot's certificates have the theorem's own floor."""
    rungs = R1.ladder(R1.theorem.example(**FLAGS, m=1))
    assert rungs[0].width > 100 * rungs[-1].width
    found = tried(R1, FLAGS, math.ceil(rungs[-1].width), 3)
    assert found.passed == 3  # promised with probability 0.9 each; these draws are always the same


def test_a_width_far_below_the_foot_is_not_certified():
    foot = math.ceil(R1.ladder(R1.theorem.example(**FLAGS, m=1))[-1].width)
    assert tried(R1, FLAGS, foot // 400, 2).passed == 0


def test_the_first_rungs_are_the_cards_own_expressions():
    """The stated width is the premise's; the unrounded one is that of the proof's lemmas, solved for m (r1.UNROUNDED)."""
    instance = R1.theorem.example(**FLAGS, m=1)
    values = {part.symbol: float(part.measure(Run(instance)).value) for part in r1.R1.quantities if part.symbol in r1.WIDTH.free_symbols}  # fmt: skip
    found = ladder(R1)
    premise = next(part.bound for part in R1.theorem.assumptions if part.label == "width")
    assert found["stated"] == pytest.approx(float(premise.lhs.subs(values)))
    data = sharp.data_of(instance)
    size, most = len(data.gram), float(np.abs(instance.labels).max())
    plain = sharp.Means(sharp.markov_residual, sharp.markov_flips, sharp.half_uniform)
    ball = replace(data, spectral=size, gram=np.eye(size), labels=math.sqrt(size) * most, variance=size / (2 * data.d))
    # the formulas of the ladder at the unit ball are the ones of the card
    assert sharp.width(ball, plain, (0.25, 0.25, 0.25), 0.5, False) == pytest.approx(found["rounding"], rel=1e-9)


DATA = sharp.data_of(R1.theorem.example(n=3, d=3, m=1, gamma=1.0, delta=0.2, data="orthogonal"))


def test_the_gaussian_residual_is_exceeded_as_rarely_as_it_says():
    rng = np.random.default_rng(5)
    instance = R1.theorem.example(n=3, d=3, m=40, data="orthogonal")
    data, levels = sharp.data_of(instance), (0.5, 0.1, 0.02)
    output = np.maximum(rng.standard_normal((4000, 40, 3)) @ instance.inputs.T / math.sqrt(3), 0)
    signs = rng.choice([-1.0, 1.0], (4000, 40, 1)) * np.sqrt(instance.scales)[:, None]
    sizes = np.linalg.norm(instance.labels - np.sum(signs * output, axis=1), axis=1)
    for failure in levels:
        level = sharp.gaussian_residual(data, failure)
        assert np.mean(sizes > level) <= failure
        assert np.mean(sizes > 0.25 * level) > failure, "a quarter of it would not do"


@pytest.mark.parametrize("flips", [sharp.markov_flips, sharp.chernoff_flips, sharp.row_flips])
def test_the_flip_mass_is_exceeded_as_rarely_as_its_width_says(flips):
    """Binomial tails, exactly: on orthogonal inputs every row of M_F is |x|^2/d times a share of flipped gates."""
    reach, allowed, failure = 3.0, 0.1, 0.05
    m = math.ceil(flips(DATA, reach, allowed, failure))
    band = math.erf(reach / math.sqrt(2 * m))
    size = DATA.gram[0, 0] / DATA.d
    exceeds = stats.binom.sf(math.floor(m * allowed / size), m, band)
    assert 3 * exceeds <= failure
    if flips is sharp.row_flips:
        # a tenth of the width would not do
        few = m // 10
        assert 3 * stats.binom.sf(math.floor(few * allowed / size), few, math.erf(reach / math.sqrt(2 * few))) > failure


def test_the_best_share_is_no_worse_than_a_half():
    assert sharp.best_uniform(DATA, 0.5, 0.1) <= sharp.half_uniform(DATA, 0.5, 0.1)
    assert math.isinf(sharp.half_uniform(DATA, 0.6, 0.1))
    kept, m = 0.7, 50
    # gates on orthogonal inputs: kappa_hat is a third of the least share of open gates
    chance = 1 - stats.binom.sf(math.floor(kept * m / 2), m, 0.5) ** 3
    width = sharp.best_uniform(DATA, kept, float(chance))
    assert width >= m * (1 - 1e-9), "the bound promises no more than what is true"


# --- the verb --------------------------------------------------------------------------------------------


def test_the_ladder_is_printed_with_the_command_for_a_certificate(capsys, tmp_path):
    target = tmp_path / "ladder.json"
    words = ("--n", "2", "--d", "2", "--data", "orthogonal", "--draws", "1", "--json", str(target))
    status, out, _ = run(capsys, "sharpen", "caron2023.r1", *words)
    assert status == 0
    assert "times less" in out
    document = json.loads(target.read_text(encoding="utf-8"))
    assert document["ladder"][0]["rung"] == "stated"
    assert document["certified"]["passed"] == 1
    command = next(line.split() for line in out.splitlines() if "theorycheck certify" in line)[1:]
    command[command.index("--out") + 1] = str(tmp_path / "certificate.json")
    assert run(capsys, *command)[0] == 0
    assert run(capsys, "recheck", str(tmp_path / "certificate.json"))[0] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("sharpen",), "needs a card"), (("sharpen", "chen2022.a"), "cannot be sharpened"),
        (("sharpen", "caron2023.r1", "--draws", "-1"), "at least 0"), (("sharpen", "caron2023.r1", "--theta", "1"), "no flag"),
        (("sharpen", "caron2023.r1", "--delta", "2"), "--delta"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(capsys, words, told):
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1

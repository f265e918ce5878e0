"""The adversary: plans are reproducible, builders keep their promises, and the search finds what hurts."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, find, given, settings

from theorycheck.adversary import (
    INPUT_KINDS,
    LABEL_KINDS,
    InputPlan,
    LabelPlan,
    build_inputs,
    build_labels,
    data_sets,
    input_plans,
    label_plans,
)
from theorycheck.data import least_sine, parallel_pairs

SEARCH = settings(
    max_examples=400, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
NO_PARALLELS = ("gaussian", "sphere", "near_parallel", "cluster", "orthogonal", "huge", "tiny")


def exact_rank(inputs):
    """The rank in rational numbers, by elimination."""
    rows = [[Fraction(x) for x in row] for row in inputs.tolist()]
    rank = 0
    for column in range(len(rows[0])):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for i in range(rank + 1, len(rows)):
            factor = rows[i][column] / rows[rank][column]
            rows[i] = [x - factor * y for x, y in zip(rows[i], rows[rank], strict=True)]
        rank += 1
    return rank


def norm_gram(inputs):
    """A Gram matrix that exists at every scale."""
    unit = inputs / np.abs(inputs).max(initial=1e-300)
    return unit @ unit.T


# ---------------------------------------------------------------- plans


@given(input_plans())
@settings(max_examples=120, deadline=None)
def test_plans_are_reproducible_from_json(plan):
    again = InputPlan(**json.loads(json.dumps(dataclasses.asdict(plan))))
    assert again == plan
    inputs = build_inputs(plan)
    assert np.array_equal(build_inputs(again), inputs)
    assert inputs.shape == (plan.n, plan.d)
    assert np.isfinite(inputs).all()


@pytest.mark.parametrize("kind", [kind for kind in INPUT_KINDS if kind != "lattice"])
def test_other_seeds_give_other_inputs(kind):
    plans = [InputPlan(kind, 4, 4, seed, 2) for seed in range(20)]
    assert len({build_inputs(plan).tobytes() for plan in plans}) > 10


@pytest.mark.parametrize("kind", INPUT_KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1), (2, 2), (7, 2)])
def test_every_kind_of_every_shape_has_norms_in_range(kind, shape):
    for seed in range(4):
        for exponent in (0, 1, 6, 300):
            inputs = build_inputs(InputPlan(kind, *shape, seed, exponent))
            assert inputs.shape == shape
            assert np.isfinite(inputs).all()
            sizes = np.abs(inputs).max(axis=1)
            assert (sizes > 0).all() or (kind == "zero_row" and (sizes == 0).sum() == 1)
            if kind != "huge":
                assert np.linalg.norm(inputs, axis=1).max() <= 1
                assert max(sum(Fraction(x) ** 2 for x in row) for row in inputs.tolist()) <= 1


@pytest.mark.parametrize(
    "arguments", [{"kind": "round"}, {"n": 0}, {"d": 0}, {"seed": -1}, {"exponent": -1}, {"exponent": 301}]
)
def test_impossible_plans_are_refused(arguments):
    with pytest.raises(ValueError):
        InputPlan(**arguments)
    assert InputPlan() == InputPlan("gaussian", 1, 1, 0, 0)


@pytest.mark.parametrize("arguments", [{"kind": "round"}, {"size": 301}, {"seed": -1}])
def test_impossible_label_plans_are_refused(arguments):
    with pytest.raises(ValueError):
        LabelPlan(**arguments)


def test_impossible_searches_are_refused():
    for arguments in (
        {"sizes": (0, 3)},
        {"dimensions": (3, 2)},
        {"kinds": ("round",)},
        {"kinds": ("near_parallel",), "dimensions": (1, 1)},
        {"kinds": ("orthogonal",), "sizes": (4, 5), "dimensions": (1, 3)},
        {"kinds": ()},
    ):
        with pytest.raises(ValueError):
            input_plans(**arguments)
    for kinds in (("round",), ()):
        with pytest.raises(ValueError):
            label_plans(kinds=kinds)


@pytest.mark.parametrize(
    ("sizes", "dimensions"), [((1, 1), (1, 1)), ((1, 6), (1, 1)), ((5, 6), (1, 3)), ((2, 2), (4, 9))]
)
def test_sizes_are_obeyed(sizes, dimensions):
    seen = set()

    @settings(SEARCH, max_examples=120)
    @given(data_sets(sizes=sizes, dimensions=dimensions, kinds=("gaussian", "near_parallel", "orthogonal")))
    def look(found):
        plan, inputs = found
        seen.add(plan.kind)
        assert inputs.shape == (plan.n, plan.d)
        assert sizes[0] <= plan.n <= sizes[1]
        assert dimensions[0] <= plan.d <= dimensions[1]

    look()
    assert "gaussian" in seen
    assert ("near_parallel" in seen) == (sizes[1] > 1 and dimensions[1] > 1)
    assert ("orthogonal" in seen) == (sizes[0] <= dimensions[1])


# ---------------------------------------------------------------- what the kinds promise


def test_near_parallel_pairs_are_at_the_angle():
    for k in range(1, 7):
        for seed in range(5):
            sine = least_sine(build_inputs(InputPlan("near_parallel", 2, 3, seed, k)))[0]
            assert np.isclose(sine, np.sin(10.0**-k), rtol=1e-9)
            assert least_sine(build_inputs(InputPlan("near_parallel", 6, 3, seed, k)))[0] <= np.sin(10.0**-k) * (
                1 + 1e-9
            )


def test_antiparallel_pairs_are_exact():
    counts = Counter(len(parallel_pairs(build_inputs(InputPlan("antiparallel", 6, 2, seed)))) for seed in range(20))
    assert set(counts) == {1, 3}
    pairs = [parallel_pairs(build_inputs(InputPlan("antiparallel", 4, 5, seed))) for seed in range(20)]
    assert all(len(found) == 1 and found[0][2] == -1 for found in pairs)


def test_duplicates_are_exact():
    for seed in range(10):
        for exponent in range(4):
            inputs = build_inputs(InputPlan("duplicate", 5, 3, seed, exponent))
            ((i, k, sign),) = parallel_pairs(inputs)
            assert sign == 1
            assert abs(np.log2(abs(inputs[i, 0] / inputs[k, 0]))) == exponent


def test_low_rank_is_exact():
    ranks = set()
    for seed in range(30):
        rank = exact_rank(build_inputs(InputPlan("low_rank", 5, 4, seed)))
        assert 1 <= rank < 4
        ranks.add(rank)
    assert ranks == {1, 2, 3}
    assert exact_rank(build_inputs(InputPlan("gaussian", 5, 4))) == 4


def test_cluster_lattice_orthogonal_huge_and_tiny():
    inputs = build_inputs(InputPlan("cluster", 8, 3, 1, 6))
    assert 0 < least_sine(inputs)[0] < 1e-5
    lattice = build_inputs(InputPlan("lattice", 5, 3, 2, 2))
    assert (lattice * 8 == np.round(lattice * 8)).all()
    orthogonal = build_inputs(InputPlan("orthogonal", 4, 6, 3))
    gram = orthogonal @ orthogonal.T
    assert (gram == np.diag(np.diag(gram))).all()
    assert np.linalg.norm(build_inputs(InputPlan("huge", 3, 3, 0, 150)), axis=1).max() > 1e149
    assert 0 < np.abs(build_inputs(InputPlan("tiny", 3, 3, 0, 300))).max() < 1e-299


@given(data_sets(sizes=(2, 6), dimensions=(2, 6), kinds=NO_PARALLELS))
@settings(max_examples=80, deadline=None)
def test_kinds_without_parallels_have_none(found):
    assert parallel_pairs(found[1]) == []


# ---------------------------------------------------------------- labels


@given(data_sets(), label_plans())
@settings(max_examples=120, deadline=None)
def test_labels_fit_their_inputs(found, plan):
    inputs = found[1]
    labels = build_labels(plan, inputs, norm_gram(inputs))
    assert labels.shape == (len(inputs),)
    assert np.isfinite(labels).all()
    assert labels.any() == (plan.kind != "zero")
    again = LabelPlan(**json.loads(json.dumps(dataclasses.asdict(plan))))
    assert np.array_equal(build_labels(again, inputs, norm_gram(inputs)), labels)


def test_labels_are_what_their_kind_says():
    inputs = build_inputs(InputPlan("gaussian", 5, 4, 7))
    gram = norm_gram(inputs)
    values = np.linalg.eigvalsh(gram)

    def labels(kind, size=0, seed=0):
        return build_labels(LabelPlan(kind, size, seed), inputs, gram)

    for kind, value in (("least", values[0]), ("top", values[-1])):
        vector = labels(kind)
        assert np.allclose(gram @ vector, value * vector, atol=1e-12)
        assert np.isclose(np.linalg.norm(vector), 1)
        assert np.allclose(labels(kind, 2), 100 * vector)
        big = np.abs(vector) > np.abs(vector).max() / 2
        assert vector[np.argmax(big)] > 0
        assert np.array_equal(build_labels(LabelPlan(kind), inputs, 1e300 * gram), vector) or np.allclose(
            build_labels(LabelPlan(kind), inputs, 1e300 * gram), vector
        )
    assert (np.abs(labels("signs")) == 1).all()
    assert len({labels("signs", seed=seed).tobytes() for seed in range(20)}) > 5
    assert np.sort(labels("spike", 1)).tolist() == [0, 0, 0, 0, 10]
    assert {int(np.argmax(labels("spike", seed=seed))) for seed in range(60)} == set(range(5))
    assert labels("equal", -1).tolist() == [0.1] * 5
    assert labels("zero", 3).tolist() == [0] * 5
    assert np.abs(labels("huge", 300)).tolist() == [1e300] * 5
    assert len(set(labels("gaussian"))) == 5


def test_bad_grams_are_refused_where_they_matter():
    inputs = np.eye(2)
    for gram in (np.eye(3), np.full((2, 2), np.nan), np.array([[1.0, 1.0], [0.0, 1.0]])):
        for kind in ("least", "top"):
            with pytest.raises(ValueError, match="gram"):
                build_labels(LabelPlan(kind), inputs, gram)
        assert build_labels(LabelPlan("equal"), inputs, gram).tolist() == [1, 1]
    assert build_labels(LabelPlan("least"), np.ones((1, 1)), np.zeros((1, 1))).tolist() == [1]


# ---------------------------------------------------------------- the quality of the search


def what_hurts(found, labels_plan):
    """The hard features of one case."""
    plan, inputs = found
    features = {plan.kind, "labels " + labels_plan.kind}
    if plan.n > 1 and plan.d > 1 and plan.kind not in ("huge", "tiny"):
        pairs = parallel_pairs(inputs)
        features |= {{1: "duplicate direction", -1: "antiparallel direction", 0: "zero"}[sign] for _, _, sign in pairs}
        if not pairs and least_sine(inputs)[0] <= 1.01e-5:
            features.add("angle 1e-5")
        if exact_rank(inputs) < min(inputs.shape):
            features.add("deficient")
        labels = build_labels(dataclasses.replace(labels_plan, size=0), inputs, inputs @ inputs.T)
        values, vectors = np.linalg.eigh(inputs @ inputs.T)
        if (
            labels.any()
            and abs(vectors[:, 0] @ labels) > 0.999999 * np.linalg.norm(labels)
            and values[0] < 1e-3 * values[-1]
        ):
            features.add("least eigenvector")
    return features


def collect(inputs, labels, examples=400):
    counts = Counter()

    @settings(SEARCH, max_examples=examples)
    @given(inputs, labels)
    def look(found, plan):
        counts.update(what_hurts(found, plan))

    look()
    return counts


def test_a_few_hundred_examples_find_everything_that_hurts():
    counts = collect(data_sets(), label_plans())
    hard = {"least eigenvector", "duplicate direction", "antiparallel direction", "angle 1e-5", "deficient", "zero"}
    for feature in hard:
        assert counts[feature], (feature, counts)


def test_every_kind_is_drawn():
    seen = Counter()

    @SEARCH
    @given(input_plans() | label_plans())
    def look(plan):
        seen.update([plan.kind])

    look()
    assert set(seen) == set(INPUT_KINDS) | set(LABEL_KINDS)


def test_plain_random_inputs_find_nothing():
    counts = collect(data_sets(kinds=("gaussian", "sphere")), label_plans(kinds=("gaussian",)), examples=150)
    for feature in (
        "duplicate direction",
        "antiparallel direction",
        "angle 1e-5",
        "deficient",
        "least eigenvector",
        "zero",
    ):
        assert counts[feature] <= 1, (feature, counts)  # two rows can be near an eigenvector by luck


def test_failures_shrink_to_small_plans():
    few = settings(SEARCH, max_examples=60)
    assert find(input_plans(), lambda plan: True, settings=few) == InputPlan()
    assert find(label_plans(), lambda plan: True, settings=few) == LabelPlan()
    small = find(data_sets(), lambda found: found[0].n > 1 and bool(parallel_pairs(found[1])), settings=few)[0]
    assert (small.n, small.seed) == (2, 0)
    assert small.d <= 2

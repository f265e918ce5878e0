"""Data: facts about the bundled sets, scaling, notes, arguments."""

from __future__ import annotations

import hashlib
import warnings
from fractions import Fraction

import numpy as np
import pytest

from theorycheck import data_angles
from theorycheck.data import SETS, BadInput, DataSet, load

SHAPES = {
    "diabetes": (442, 10),
    "wine": (178, 13),
    "breast_cancer": (569, 30),
    "digits": (1797, 64),
    "iris": (150, 4),
    "linnerud": (20, 3),
}


def write(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def largest_square_exactly(inputs):
    """The largest squared norm as a rational number."""
    return max(sum(Fraction(x) ** 2 for x in row) for row in inputs.tolist())


def test_shapes_of_the_bundled_sets():
    assert set(SHAPES) == set(SETS)
    for name, shape in SHAPES.items():
        found = load(name, rows=shape[0])
        assert found.name == name
        assert found.inputs.shape == shape
        assert found.labels.shape == shape[:1]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("scale", ["rows", "max"])
def test_norms_are_positive_and_at_most_one(name, scale):
    found = load(name, inputs_scale=scale)
    norms = np.linalg.norm(found.inputs, axis=1)
    assert norms.max() <= 1
    assert largest_square_exactly(found.inputs[norms.argsort()[-20:]]) <= 1
    assert (norms > 0.999999).all() if scale == "rows" else norms.min() > 0
    assert norms.max() > 1 - 1e-11
    assert np.isclose(found.labels.mean(), 0)
    assert np.isclose(found.labels.var(), 1)


def test_without_the_margin_norms_do_exceed_one():
    inputs = np.random.default_rng(0).normal(size=(200, 7))
    assert largest_square_exactly(data_angles.unit_rows(inputs)) > 1


def test_notes_name_what_is_special():
    assert "rows 101 and 142 are duplicates" in load("iris").notes
    assert not any("duplicates" in note for note in load("wine").notes)
    assert any(
        "constant columns" in note and "pixel_0_0, pixel_4_0, pixel_4_7" in note for note in load("digits").notes
    )
    assert any("10 integer classes" in note for note in load("digits").notes)
    assert any("first target 'Weight'" in note for note in load("linnerud").notes)
    assert not any("integer classes" in note for note in load("diabetes").notes)
    assert any("above the 1" in note for note in load("wine", inputs_scale="none").notes)
    assert any("all labels are" in note for note in load("iris", rows=20).notes)
    assert not any("all labels are" in note for note in load("iris", rows=20, seed=0).notes)


def test_constant_columns_become_zero():
    raw = load("digits", inputs_scale="none").inputs
    assert np.flatnonzero(raw.std(axis=0) == 0).tolist() == [0, 32, 39]
    assert not load("digits").inputs[:, [0, 32, 39]].any()


def test_few_rows_are_the_first_rows_of_many():
    for scale in ("rows", "max", "none"):
        whole, few = load("diabetes", inputs_scale=scale), load("diabetes", inputs_scale=scale, rows=5)
        assert np.array_equal(few.inputs, whole.inputs[:5])
        assert np.array_equal(few.labels, whole.labels[:5])
        assert few.sha256 != whole.sha256
    one = load("diabetes", rows=1)
    assert 0.9 < np.linalg.norm(one.inputs) <= 1
    assert any("over all 442 rows" in note for note in one.notes)


def test_shuffles_follow_the_seed():
    plain, first, again, other = (load("wine", rows=30, seed=seed) for seed in (None, 1, 1, 2))
    assert first.sha256 == again.sha256
    assert len({plain.sha256, first.sha256, other.sha256}) == 3
    assert any("seed 1" in note for note in first.notes)
    whole = load("wine", seed=3)
    pairs = lambda found: sorted(zip(map(tuple, found.inputs), found.labels, strict=True))  # noqa: E731
    assert pairs(whole) == pairs(load("wine"))


def test_label_scales_and_columns():
    raw = load("diabetes", labels_scale="none")
    assert raw.labels[0] == 151.0
    assert np.array_equal(load("diabetes", labels_scale="norm").labels, raw.labels / 346.0)
    assert load("diabetes", columns="bmi, 0").inputs.shape == (442, 2)
    waist = load("linnerud", label_column="Waist", labels_scale="none", inputs_scale="none")
    assert waist.labels[0] == 36.0
    assert waist.inputs[0].tolist() == [5.0, 162.0, 60.0]
    assert load("linnerud", label_column="Jumps").inputs.shape == (20, 2)


def test_arrays_are_copied_and_read_only():
    inputs = np.eye(2)
    made = DataSet("x", inputs, np.ones(2))
    inputs[0, 0] = 5
    assert made.inputs[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        made.inputs[0, 0] = 2
    with pytest.raises(ValueError, match="read-only"):
        load("iris").labels[0] = 2
    expected = hashlib.sha256(b"(2, 2)" + np.eye(2).tobytes() + np.ones(2).tobytes()).hexdigest()
    assert made.sha256 == expected
    with pytest.raises(BadInput, match="one finite label"):
        DataSet("x", np.eye(2), np.ones(3))


def test_broken_rows_are_named(tmp_path):
    text = "1,2,0\n0,0,1\n2,4,2\n1,2,3\n-3,-6,4\n" + "1,2,9\n" * 6
    notes = load(write(tmp_path, "a.csv", text), inputs_scale="none").notes
    assert "row 1 is zero" in notes
    assert "rows 0 and 2 are parallel" in notes
    assert "rows 0 and 3 are duplicates" in notes
    assert "rows 0 and 4 are antiparallel" in notes
    assert "and 2 more pairs of rows that are duplicates" in notes
    clean = load(write(tmp_path, "b.csv", "1,2,0\n2,1,1\n"), inputs_scale="none").notes
    assert not any(note.startswith(("row ", "rows ")) and " are " in note and "norms" not in note for note in clean)
    rounded = load(write(tmp_path, "c.csv", "0.1,0.3,0\n0.3,0.9,1\n"), inputs_scale="none").notes
    assert any("parallel up to rounding" in note for note in rounded)


@pytest.mark.parametrize("size", ["1e300", "1e-300", "1.7e308", "5e-324"])
@pytest.mark.parametrize("scale", ["rows", "max", "none"])
def test_extreme_sizes_give_neither_warnings_nor_nan(tmp_path, size, scale):
    text = f"{size},1,{size}\n-{size},{size},-{size}\n0,3,0\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for labels in ("unit", "norm", "none"):
            found = load(write(tmp_path, "a.csv", text), inputs_scale=scale, labels_scale=labels)
            assert np.isfinite(found.inputs).all()
            assert np.isfinite(found.labels).all()
            if scale != "none":
                assert 0.5 < np.linalg.norm(found.inputs, axis=1).max() <= 1
            if labels != "none":
                assert 0.9 < np.abs(found.labels).max() < 1.5


def test_small_variation_around_a_large_value_keeps_its_digits(tmp_path):
    text = "".join(f"{10**15 + k},{k},{k % 3}\n" for k in (0, 1, 2, 5))
    found = load(write(tmp_path, "a.csv", text), inputs_scale="max").inputs
    assert np.allclose(found[:, 0], found[:, 1], rtol=1e-15)
    constant = load(write(tmp_path, "b.csv", "0.1,1,1\n0.1,2,5\n0.1,4,7\n"))
    assert not constant.inputs[:, 0].any()
    assert any("constant columns, centred to 0: 0" in note for note in constant.notes)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"rows": 0}, "rows is 0"),
        ({"rows": -1}, "rows is -1"),
        ({"rows": 2.5}, "rows is 2.5"),
        ({"rows": 151}, "the source has 150"),
        ({"seed": -1}, "seed is -1"),
        ({"inputs_scale": "row"}, "did you mean 'rows'"),
        ({"labels_scale": "standard"}, "labels_scale"),
        ({"label_column": "petal length"}, "did you mean 'petal length (cm)'"),
        ({"label_column": "9"}, "index from 0 to 4"),
        ({"columns": "0,target"}, "holds the label"),
        ({"columns": "0,0"}, "twice"),
        ({"columns": "0,"}, "columns ''"),
    ],
)
def test_bad_arguments(arguments, says):
    with pytest.raises(BadInput) as caught:
        load("iris", **arguments)
    assert says in str(caught.value)

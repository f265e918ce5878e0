"""Files of every kind, good and bad: bad input is said in one sentence, and nothing else leaves."""

from __future__ import annotations

import os
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theorycheck import data_files
from theorycheck.data import BadInput, load


def write(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_text_files_with_and_without_header(tmp_path):
    plain = {"inputs_scale": "none", "labels_scale": "none"}
    named = load(write(tmp_path, "a.csv", "\ufeffx,y,z\n1,2,3\n\n4, 5 ,6e0\r\n"), **plain)
    bare = load(write(tmp_path, "b.tsv", "1\t2\t3\n4\t5\t6"), **plain)
    semicolons = load(write(tmp_path, "c.CSV", '"x";"y";"z"\n1;2;3\n4;5;6\n'), **plain)
    for found in (named, bare, semicolons):
        assert found.inputs.tolist() == [[1, 2], [4, 5]]
        assert found.labels.tolist() == [3, 6]
    assert named.sha256 == bare.sha256
    assert any("names of the columns" in note for note in named.notes)
    assert any("no header" in note for note in bare.notes)
    assert any("semicolons" in note for note in semicolons.notes)
    chosen = load(tmp_path / "a.csv", columns="z", label_column="x", **plain)
    assert chosen.inputs.tolist() == [[3], [6]]
    assert chosen.labels.tolist() == [1, 4]
    words = load(write(tmp_path, "w.csv", "name,x,y\nann,1,2\nbob,3,4\n"), columns="x", **plain)
    assert words.inputs.tolist() == [[1], [3]]


def test_array_files(tmp_path):
    plain = {"inputs_scale": "none", "labels_scale": "none"}
    table = np.array([[1, 2, 3], [4, 5, 6]])
    np.save(tmp_path / "a.npy", table)
    np.savez_compressed(tmp_path / "a.npz", X=table[:, :2].astype(np.float32), y=table[:, 2:])
    first, second = load(tmp_path / "a.npy", **plain), load(tmp_path / "a.npz", **plain)
    assert first.sha256 == second.sha256
    assert load(tmp_path / "a.npy", label_column="0", **plain).labels.tolist() == [1, 4]
    assert load(tmp_path / "a.npz", columns="1", **plain).inputs.tolist() == [[2], [5]]


BAD = {
    "empty.csv": ("", "empty"),
    "blank.csv": ("\n \n", "empty"),
    "header.csv": ("x,y\n", "no rows"),
    "ragged.csv": ("x,y\n1,2\n1,2,3\n", "line 3 has 3 cells"),
    "word.csv": ("x,y\n1,2\n1,two\n", "line 3, column 'y': 'two' is not a number"),
    "typing_error.csv": ("1,2o\n3,4\n", "line 1, column '1': '2o' is not a number"),
    "underscore.csv": ("x,y\n1_000,2\n", "not a number"),
    "nan.csv": ("x,y\n1,2\nnan,2\n", "line 3, column 'x': 'nan' is not a finite number"),
    "inf.csv": ("x,y\n1,2\n3,-1e999\n", "line 3, column 'y'"),
    "line_break.csv": ('"x\n1",y\n1,two\n', "line 3, column 'y'"),
    "gap.csv": ("x,y\n1,\n", "line 2, column 'y': the cell is empty"),
    "one_column.csv": ("1\n2\n", "at least two columns"),
    "long_cell.csv": ("x,y\n" + "1" * 200_000 + ",2\n", "line 2"),
    "no_array.npy": ("hello", "no .npy file"),
    "no_archive.npz": ("hello", "no .npz file"),
    "python.npy": ("cos\nsystem\n(S'true'\ntR.", "no .npy file"),
    "wrong.txt": ("1,2\n", "extension '.txt'"),
    "bare": ("1,2\n", "extension ''"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_in_one_sentence(tmp_path, name):
    text, says = BAD[name]
    with pytest.raises(BadInput) as caught:
        load(write(tmp_path, name, text))
    message = str(caught.value)
    assert says in message
    assert name in message
    assert "\n" not in message


BAD_ARRAYS = {
    "objects.npy": (np.array([[1, None]], dtype=object), "no .npy file"),
    "words.npy": (np.array([["a", "b"]]), "dtype"),
    "complex.npy": (np.array([[1j, 2]]), "dtype"),
    "flat.npy": (np.ones(3), "shape (3,)"),
    "deep.npy": (np.ones((2, 2, 2)), "2-D"),
    "empty.npy": (np.ones((0, 3)), ""),
    "narrow.npy": (np.ones((3, 0)), "shape (3, 0)"),
    "single.npy": (np.ones((3, 1)), "at least two columns"),
    "nan.npy": (np.array([[1, 2], [3, np.nan]]), "nan at row 1, column 1"),
    "missing.npz": ({"X": np.ones((2, 2)), "labels": np.ones(2)}, "X and y are needed, but the arrays are X, labels"),
    "length.npz": ({"X": np.ones((2, 2)), "y": np.ones(3)}, "one label for each row"),
    "objects.npz": ({"X": np.ones((2, 2)), "y": np.array([1, None], dtype=object)}, "no .npz file"),
    "inf.npz": ({"X": np.array([[1, np.inf]]), "y": np.ones(1)}, "X holds inf at row 0, column 1"),
    "inf_label.npz": ({"X": np.ones((1, 2)), "y": np.array([-np.inf])}, "y holds -inf at row 0"),
    "flat.npz": ({"X": np.ones(2), "y": np.ones(2)}, "X has shape (2,)"),
    "none.npz": ({}, "none"),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_bad_arrays_are_refused(tmp_path, name):
    content, says = BAD_ARRAYS[name]
    if isinstance(content, dict):
        np.savez(tmp_path / name, **content)
    else:
        np.save(tmp_path / name, content)
    with pytest.raises(BadInput) as caught:
        load(tmp_path / name)
    assert says in str(caught.value)
    assert name in str(caught.value)


@settings(max_examples=150, deadline=None)
@given(
    place=st.integers(0, 10**6),
    byte=st.integers(0, 255),
    cut=st.booleans(),
    kind=st.sampled_from(["npy", "npz", "csv"]),
)
def test_damaged_files_raise_bad_input_or_nothing(tmp_path_factory, place, byte, cut, kind):
    path = tmp_path_factory.mktemp("damaged") / f"a.{kind}"
    table = np.arange(6.0).reshape(2, 3)
    if kind == "npy":
        np.save(path, table)
    elif kind == "npz":
        np.savez(path, X=table, y=np.ones(2))
    else:
        path.write_text("x,y,z\n1,2,3\n4,5,7\n")
    content = bytearray(path.read_bytes())
    place %= len(content)
    content[place] = byte
    path.write_bytes(content[: place if cut else None])
    try:
        assert np.isfinite(load(path).inputs).all()
    except BadInput as problem:
        assert "a." in str(problem)  # noqa: PT017


def test_other_bad_sources(tmp_path, monkeypatch):
    for source, says in [
        ("diabtes", "did you mean 'diabetes'"),
        (tmp_path, "directory"),
        ("", "directory"),
        ("no_such_file.csv", "does not exist"),
        ("a\0b.csv", ""),
        ("x" * 5000 + ".csv", "not a path"),
        (None, "not a path"),
        (7, "not a path"),
        (np.eye(2), "not a path"),
    ]:
        with pytest.raises(BadInput, match="source") as caught:
            load(source)
        assert says in str(caught.value)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(BadInput, match="regular file"):
        load(tmp_path / "pipe.csv")
    (tmp_path / "latin.csv").write_bytes("x,y\n1,\xe9\n".encode("latin-1"))
    with pytest.raises(BadInput, match="UTF-8"):
        load(tmp_path / "latin.csv")
    path = write(tmp_path, "shut.csv", "1,2\n")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(BadInput, match="Permission denied"):
        load(path)


def test_ambiguous_names_need_an_index(tmp_path):
    path = write(tmp_path, "a.csv", "x,x,y\n1,2,3\n")
    with pytest.raises(BadInput, match="names 2 columns"):
        load(path, columns="x")
    assert load(path, columns="1", inputs_scale="none").inputs.tolist() == [[2]]


def test_giants_are_refused_before_they_are_read(tmp_path, monkeypatch):
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (2**20, 2**9)})
        file.truncate(file.tell() + 2**32)  # sparse: takes no room
    with open(tmp_path / "a.csv", "wb") as file:
        file.write(b"1,2,3\n" * 20_000)
        file.truncate(2**32)
    for name in ("a.npy", "a.csv"):
        with pytest.raises(BadInput, match="GiB"):
            load(tmp_path / name)
    np.savez_compressed(tmp_path / "a.npz", X=np.zeros((1000, 10)), y=np.zeros(1000))
    assert load(tmp_path / "a.npz").inputs.shape == (1000, 10)
    monkeypatch.setattr(data_files, "LIMIT", 80_000)
    with pytest.raises(BadInput, match="GiB"):
        load(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert archive.testzip() is None

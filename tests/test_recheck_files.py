"""The recheck refuses altered data, broken structures and dangerous files."""

from __future__ import annotations

import json

import numpy as np
import pytest
import recheck_examples as ex
from test_recheck import failed, genuine, verdict

from theorycheck.recheck import BadCertificate, recheck


@pytest.mark.parametrize("rehashed", [False, True])
@pytest.mark.parametrize(
    ("name", "array", "at", "by"),
    [
        ("caron", "labels", 0, 1e-3),
        ("caron", "weights", 0, 0.5),
        ("caron", "inputs", 2, 1e-2),
        ("caron", "scales", 0, 1e-2),
        ("caron", "signs", 3, 1e-2),
        ("caron smooth", "weights", 5, 1e-2),
        ("chen a", "labels", 1, -1e-3),
        ("chen a", "inputs", 2, 1e-2),
        ("chen a", "scales", 0, 1e-3),
        ("chen b", "labels", 0, 1e-3),
        ("chen c", "labels", 0, 1e-3),
        ("chen c", "signs", 0, 0.5),
        ("r1", "labels", 2, 1e-3),
        ("r1", "weights", 7, 1e-1),
        ("r1", "signs", 7, 1e-1),
        ("r0 tanh", "labels", 0, 1e-4),
        ("radii", "scales", 0, 1e-3),
    ],
)
def test_altered_data_are_found(name, array, at, by, rehashed, tmp_path):
    doc = genuine(name)
    described = doc["data"][array]
    described["values"][at] += by
    if rehashed:
        described["sha256"] = ex.digest(described["values"])
    found = verdict(doc, tmp_path)
    assert not found.valid
    if not rehashed:
        assert f"data {array}" in failed(found)
        assert any(line.says.endswith("not looked at") for line in found.lines)


def _altered_last_digit(doc):
    values = doc["data"]["weights"]["values"]
    values[0] = float(np.nextafter(values[0], 9))


def _set(*path):
    def change(doc):
        *keys, last, value = path
        for key in keys:
            doc = doc[key]
        doc[last] = value

    return change


def _pop(*path):
    def change(doc):
        *keys, last = path
        for key in keys:
            doc = doc[key]
        doc.pop(last)

    return change


STRUCTURE = {
    "one digit": _altered_last_digit,
    "hash": _set("data", "labels", "sha256", "0" * 64),
    "hash too short": _set("data", "labels", "sha256", "0"),
    "hash no text": _set("data", "labels", "sha256", 3),
    "shape": _set("data", "labels", "shape", [4]),
    "shape true": _set("data", "labels", "shape", [True]),
    "shape text": _set("data", "labels", "shape", "3"),
    "values missing": _pop("data", "labels", "values"),
    "values short": lambda doc: doc["data"]["labels"]["values"].pop(),
    "value true": _set("data", "labels", "values", 0, True),
    "value text": _set("data", "labels", "values", 0, "1.0"),
    "value null": _set("data", "labels", "values", 0, None),
    "value nested": _set("data", "labels", "values", 0, [1.0]),
    "value a large int": _set("data", "labels", "values", 0, 2**60 + 1),
    "array no object": _set("data", "labels", [1.0, 2.0, 3.0]),
    "array unknown key": _set("data", "labels", "more", 1),
    "array two sources": _set("data", "labels", "drawn", {"law": "constant", "value": 1.0}),
    "array missing": _pop("data", "scales"),
    "array added": _set("data", "more", {}),
    "data list": _set("data", []),
    "law unknown": _set("data", "labels", {"shape": [3], "sha256": "0" * 64, "drawn": {"law": "gaussian"}}),
    "key missing": _pop("made"),
    "key added": _set("more", 1),
    "evidence missing": _pop("evidence", "flips"),
    "evidence added": _set("evidence", "more", 1.0),
    "evidence true": _set("evidence", "mass", True),
    "evidence text": _set("evidence", "mass", "2.0"),
    "evidence null": _set("evidence", "mass", None),
    "evidence a large int": _set("evidence", "mass", 10**400),
    "choices missing": _pop("choices", "theta"),
    "choices null": _set("choices", None),
    "theorem unknown": _set("theorem", "caron2023.r1"),
    "theorem list": _set("theorem", []),
    "theorem other": _set("theorem", "caron2023.r0_smooth"),
    "dynamics": _set("dynamics", "descent"),
    "dynamics null": _set("dynamics", None),
    "program": _set("program", 1),
    "history": _set("history", None),
    "neuron": _set("model", "neuron", "mean_field"),
    "activation": _set("model", "activation", "tanh"),
    "activation unknown": _set("model", "activation", "step"),
    "n zero": _set("model", "n", 0),
    "n true": _set("model", "n", True),
    "n float": _set("model", "n", 3.0),
    "n other": _set("model", "n", 2),
    "m huge": _set("model", "m", 10**12),
    "m large": lambda doc: doc["model"].update(m=10**8, d=10**5),
    "rates": _set("model", "rates", [1.0, 1.0]),
    "rates text": _set("model", "rates", ["1.0", 0.0]),
    "rates true": _set("model", "rates", [True, False]),
    "output scale": _set("model", "output_scale", 2.0),
    "model key": _set("model", "bias", 0),
    "conclusion gone": lambda doc: doc["conclusions"].pop(),
    "conclusion twice": lambda doc: doc["conclusions"].append(doc["conclusions"][0]),
    "conclusion order": lambda doc: doc["conclusions"].reverse(),
    "conclusion says": _set("conclusions", 1, "says", "rate: loss(t) <= exp(-2 rate t) loss(0) for all t >= 0"),
    "conclusion name": _set("conclusions", 1, "name", "speed"),
    "conclusion side": _set("conclusions", 1, "side", "at most"),
    "conclusion value": _set("conclusions", 1, "value", None),
    "conclusion value true": _set("conclusions", 1, "value", True),
    "conclusion key": _set("conclusions", 1, "more", 1),
    "conclusion text": _set("conclusions", 1, "rate"),
    "conclusions object": _set("conclusions", {}),
}


@pytest.mark.parametrize("what", STRUCTURE)
def test_a_broken_structure_is_found(what, tmp_path):
    doc = genuine("caron")
    STRUCTURE[what](doc)
    found = verdict(doc, tmp_path)
    assert not found.valid
    assert any(line.says.endswith("not looked at") for line in found.lines)


@pytest.mark.parametrize(
    ("name", "array", "value", "says"),
    [
        ("caron", "signs", 0.5, "+1 or -1"),
        ("caron", "scales", 0.0, "positive scales"),
        ("caron", "scales", -1.0, "positive scales"),
        ("chen a", "scales", 2.0, "all 1"),
        ("r1", "inputs", 0.0, "zero"),
    ],
)
def test_data_that_break_a_condition_are_found(name, array, value, says, tmp_path):
    doc = genuine(name)
    described = doc["data"][array]
    described["values"][: described["shape"][-1]] = [value] * described["shape"][-1]
    described["sha256"] = ex.digest(described["values"])
    found = verdict(doc, tmp_path)
    assert failed(found)[0] == "data"
    assert any(says in line.says for line in found.lines if line.name == "data")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rates", [0.0, 0.0]),
        ("rates", [-1.0, 1.0]),
        ("output_scale", 0.0),
        ("output_scale", -1.0),
        ("rates", [0.03, 0.04]),
    ],
)
def test_a_two_layer_model_out_of_range_is_found(key, value, tmp_path):
    doc = genuine("r1")
    doc["model"][key] = value
    assert not verdict(doc, tmp_path).valid


# --- files ---------------------------------------------------------------------------------------------------------


def _npz(tmp_path, **arrays):
    doc = ex.into_npz(genuine("caron"), tmp_path)
    if arrays:
        with np.load(tmp_path / "cert.npz") as old:
            np.savez(tmp_path / "cert.npz", **(dict(old) | arrays))
    return doc


@pytest.mark.parametrize(
    "weights",
    [
        np.array([[1.0, "x"]], dtype=object),
        np.zeros((300, 4), dtype=np.float32),
        np.zeros((300, 4), dtype=">f8"),
        np.zeros((4, 300)),
        np.zeros((299, 4)),
        np.full((300, 4), np.nan),
        np.full((300, 4), np.inf),
        np.zeros(()),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_a_wrong_array_in_a_file_is_found(weights, tmp_path):
    doc = _npz(tmp_path, weights=weights)
    if weights.dtype != object:
        doc["data"]["weights"]["sha256"] = ex.digest(weights)
    assert "data weights" in failed(verdict(doc, tmp_path))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("file", "../cert.npz"),
        ("file", "gone.npz"),
        ("file", ""),
        ("file", ".."),
        ("file", 3),
        ("key", "gone"),
        ("key", ""),
    ],
)
def test_a_wrong_file_name_is_found(key, value, tmp_path):
    doc = _npz(tmp_path)
    doc["data"]["weights"][key] = value
    assert "data weights" in failed(verdict(doc, tmp_path))


def test_a_name_with_a_folder_is_refused_even_if_it_is_there(tmp_path):
    doc = _npz(tmp_path)
    doc["data"]["weights"]["file"] = str(tmp_path / "cert.npz")
    assert "data weights" in failed(verdict(doc, tmp_path))


@pytest.mark.parametrize("cut", [10, 3000, 9000])
def test_a_damaged_archive_is_found(cut, tmp_path):
    doc = _npz(tmp_path)
    content = bytearray((tmp_path / "cert.npz").read_bytes())
    (tmp_path / "cert.npz").write_bytes(content[:cut] + b"\0\xff" + content[cut + 2 :] if cut > 10 else content[:cut])
    assert not verdict(doc, tmp_path).valid


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("[1]", "JSON object"),
        ("null", "JSON object"),
        ("{}", "format"),
        ('{"format": "theorycheck certificate 2"}', "format"),
        ('{"format": 1}', "format"),
        ('{"a": 1, "a": 1}', "twice"),
        ('{"a": {"b": 1, "b": 2}}', "twice"),
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "Infinity"),
        ("[" * 100_000, "nested"),
        ('{"a": ' + "1" * 5000 + "}", "not JSON"),
        ('{"a": 1} x', "not JSON"),
        ("{'a': 1}", "not JSON"),
    ],
)
def test_what_is_no_certificate_is_refused(text, says, tmp_path):
    (tmp_path / "cert.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadCertificate, match=says):
        recheck(tmp_path / "cert.json")


def test_a_missing_or_binary_file_is_refused(tmp_path):
    with pytest.raises(BadCertificate, match="no file"):
        recheck(tmp_path / "gone.json")
    with pytest.raises(BadCertificate, match="no file"):
        recheck(tmp_path)
    (tmp_path / "cert.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadCertificate, match="UTF-8"):
        recheck(tmp_path / "cert.json")


@pytest.mark.parametrize("old", ['"theta": 0.5', '"mass": '])
def test_tokens_that_are_no_numbers_are_refused_in_a_genuine_file(old, tmp_path):
    text = json.dumps(genuine("caron"))
    assert old in text
    for token in ("NaN", "Infinity"):
        (tmp_path / "cert.json").write_text(text.replace(old, f'"x": {token}, {old}'), encoding="utf-8")
        with pytest.raises(BadCertificate, match=token):
            recheck(tmp_path / "cert.json")
    (tmp_path / "cert.json").write_text(text.replace(old, f'"x": 1, "x": 1, {old}'), encoding="utf-8")
    with pytest.raises(BadCertificate, match="twice"):
        recheck(tmp_path / "cert.json")
    (tmp_path / "cert.json").write_text(text.replace('"theta": 0.5', '"theta": 1e999'), encoding="utf-8")
    assert not recheck(tmp_path / "cert.json").valid

"""The recheck finds genuine certificates valid, and every falsified one not."""

from __future__ import annotations

import ast
import copy
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import recheck_examples as ex

from theorycheck.recheck import BadCertificate, recheck

PACKAGE = Path(__file__).parents[1] / "theorycheck" / "recheck"
ALLOWED = {"numpy", "flint", *sys.stdlib_module_names}

GENUINE = {
    "caron": ex.caron,
    "caron lazy": lambda: ex.caron(push=0.0),
    "chen a": lambda: ex.chen_ab("a"),
    "chen b": lambda: ex.chen_ab("b"),
    "chen c": ex.chen_c,
    "chen c tanh": lambda: ex.chen_c("tanh"),
    "caron smooth": lambda: ex.caron("tanh", m=60, push=1e-4, theta=0.6),
    "r1": ex.razborov,
    "r1 descent": lambda: ex.razborov(dynamics="descent"),
    "r1 inner": lambda: ex.razborov(rates=(0.03, 0.0)),
    "r1 outer": lambda: ex.razborov(rates=(0.0, 0.03), dynamics="descent"),
    "radii": lambda: ex.razborov("razborov2022.r0_radii"),
    "radii descent": lambda: ex.razborov("razborov2022.r0_radii", "descent"),
    "radii slow outer": lambda: ex.razborov("razborov2022.r0_radii", rates=(0.03, 1e-5)),
    "drawn": ex.drawn_caron,
    "drawn mirrored": lambda: ex.drawn_caron(True, 1.5),
    "drawn even": lambda: ex.drawn_caron(gamma=1),
    "drawn signs": lambda: ex.drawn_razborov(law="signs", scale=1.25),
    "drawn normal": ex.drawn_razborov,
    "drawn normal mirrored": lambda: ex.drawn_razborov(mirrored=True, scale=0.75),
}
for _name in ex.SMOOTH:
    GENUINE[f"caron {_name}"] = lambda a=_name: ex.caron(a, m=60, push=1e-4, theta=0.6)
    GENUINE[f"r0 {_name}"] = lambda a=_name: ex.razborov("razborov2022.r0", "flow", a, m=40, push=1e-5)
    GENUINE[f"r0 descent {_name}"] = lambda a=_name: ex.razborov("razborov2022.r0", "descent", a, m=40, push=1e-5)
for _name in ex.ACTIVATIONS:
    GENUINE[f"chen a {_name}"] = lambda a=_name: ex.chen_ab("a", a)
    GENUINE[f"chen b {_name}"] = lambda a=_name: ex.chen_ab("b", a)
    GENUINE[f"chen c {_name}"] = lambda a=_name: ex.chen_c(a)


@cache
def _made(name):
    return json.dumps(GENUINE[name]())


def genuine(name):
    return json.loads(_made(name))


def verdict(doc, folder):
    return recheck(ex.save(doc, folder))


def failed(found):
    return [line.name for line in found.lines if not line.ok]


@pytest.mark.parametrize("name", GENUINE)
def test_a_genuine_certificate_is_valid(name, tmp_path):
    doc = genuine(name)
    found = verdict(doc, tmp_path)
    assert found.valid, [line.says for line in found.lines if not line.ok]
    assert found.theorem == doc["theorem"]
    names = [line.name for line in found.lines]
    wanted = [f"evidence {key}" for key in doc["evidence"] if key != "Q"]
    wanted += [f"conclusion {item['name']}" for item in doc["conclusions"]] + [f"data {key}" for key in doc["data"]]
    assert not set(wanted) - set(names), "every number has its line"


def test_arrays_may_stand_in_an_npz_file(tmp_path):
    found = verdict(ex.into_npz(genuine("caron"), tmp_path), tmp_path)
    assert found.valid


def test_progress_rises_to_one(tmp_path):
    seen = []
    assert recheck(ex.save(genuine("caron"), tmp_path), progress=seen.append).valid
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


# --- every number, moved to the false side -------------------------------------------------------------------------

_LOWER = {"gamma", "kappa_hat", "lam", "steepness", "share", "alpha_squared"}  # the rest are upper bounds
_LABELS = ["caron", "caron smooth", "chen a", "chen b", "chen c", "chen c tanh", "r1", "r0 tanh", "radii", "r1 descent"]


def _evidence_mutations():
    for name in _LABELS:
        for key, value in genuine(name)["evidence"].items():
            for k in range(len(value) if isinstance(value, list) else 1):
                for part in (1e-3, 0.5):
                    yield name, key, k, part


@pytest.mark.parametrize(("name", "key", "k", "part"), list(_evidence_mutations()))
def test_a_false_number_is_found(name, key, k, part, tmp_path):
    doc = genuine(name)
    factor = 1 + part if key in _LOWER or key == "Q" else 1 - part
    old = doc["evidence"][key]
    if key == "Q":
        old[k] *= factor
    else:
        doc["evidence"][key] = old * factor
    found = verdict(doc, tmp_path)
    line = f"evidence Q_{k + 1}" if key == "Q" else f"evidence {key}"
    assert line in failed(found)
    says = next(entry.says for entry in found.lines if entry.name == line)
    assert "claimed at" in says
    assert "but it is" in says


def _conclusion_mutations():
    return [(name, k) for name in _LABELS for k in range(len(genuine(name)["conclusions"]))]


@pytest.mark.parametrize(("name", "k"), _conclusion_mutations())
def test_a_conclusion_beyond_its_formula_is_found(name, k, tmp_path):
    for part in (1e-6, 1e-3, 1.0):
        doc = genuine(name)
        item = doc["conclusions"][k]
        item["value"] *= 1 + part if item["side"] == "at least" else 1 - part
        assert failed(verdict(doc, tmp_path)) == [f"conclusion {item['name']}"]


@pytest.mark.parametrize(
    ("name", "part", "key", "value"),
    [
        ("caron", "choices", "theta", 0.0),
        ("caron", "choices", "theta", 1.0),
        ("caron", "choices", "theta", -0.5),
        ("caron", "choices", "theta", 1.5),
        ("caron", "choices", "theta", 0.9),
        ("caron", "choices", "theta", 1 - 2**-53),
        ("caron", "evidence", "kappa_hat", 0.0),
        ("caron", "evidence", "kappa_hat", -1.0),
        ("caron", "evidence", "gamma", 0),
        ("caron", "evidence", "r_0", -1.0),
        ("caron", "evidence", "r_0", 1e300),
        ("caron", "evidence", "kappa_hat", 1e-300),
        ("caron smooth", "choices", "theta", 1.0),
        ("chen a", "choices", "eta", 0.0),
        ("chen a", "choices", "eta", -0.1),
        ("chen a", "choices", "c_low", 0.0),
        ("chen a", "choices", "c_low", 99.0),
        ("chen a", "choices", "c_low", -1.0),
        ("chen a", "choices", "low", None),
        ("chen a", "choices", "high", None),
        ("chen a", "choices", "high", -1.2),
        ("chen a", "choices", "high", -9),
        ("chen a", "evidence", "share", 0.0),
        ("chen a", "evidence", "share", -1.0),
        ("chen a", "evidence", "lam", 0.0),
        ("chen a", "evidence", "steepness", 0.0),
        ("chen a", "evidence", "steepness", -0.3),
        ("chen b", "choices", "split", 0.0),
        ("chen b", "choices", "split", 1.0),
        ("chen b", "choices", "split", -0.5),
        ("chen b", "choices", "split", 0.01),
        ("chen c", "choices", "rho", [0.05, 0.02, 0.1]),
        ("chen c", "choices", "rho", [0.02, 0.02, 0.1]),
        ("chen c", "choices", "rho", [0.0, 0.05, 0.1]),
        ("chen c", "choices", "rho", [-0.02, 0.05, 0.1]),
        ("chen c", "choices", "rho", [0.02, 0.05]),
        ("chen c", "choices", "rho", []),
        ("chen c", "choices", "rho", [0.02, 0.05, 5.0]),
        ("chen c", "evidence", "Q", [0.0, 0.0, 0.0]),
        ("chen c", "evidence", "Q", [0.1, 0.1, -0.1]),
        ("chen c", "evidence", "Q", [0.1, 0.1, True]),
        ("r1", "choices", "c", 0.0),
        ("r1", "choices", "c", 1.0),
        ("r1", "choices", "c", -0.25),
        ("r1", "choices", "c", 0.001),
        ("r1", "choices", "tau", [-1.0, 0.0, 0.0]),
        ("r1", "choices", "tau", [0.0, 0.0]),
        ("r1", "choices", "tau", [1e9, 1e9, 1e9]),
        ("r1", "evidence", "alpha_squared", 0.0),
        ("r1", "evidence", "alpha_squared", -1.0),
        ("r1", "evidence", "X_norm", -9.0),
        ("r1", "evidence", "mass", -1.0),
        ("r1 descent", "choices", "c", 0.4143),
        ("r1 descent", "choices", "c", 0.41),
        ("r1 descent", "evidence", "top", 1e3),
        ("r1 descent", "evidence", "top", -1.0),
        ("radii", "choices", "R_W", 0.0),
        ("radii", "choices", "R_a", 0),
        ("radii", "choices", "R_W", -1.0),
        ("radii", "choices", "R_a", 1e300),
    ],
)
def test_a_choice_or_number_out_of_range_is_found(name, part, key, value, tmp_path):
    doc = genuine(name)
    doc[part][key] = value
    found = verdict(doc, tmp_path)
    assert not found.valid
    assert any("fails" in x.says or "claimed" in x.says or "must" in x.says for x in found.lines if not x.ok)


# --- the data ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rehashed", [False, True])
@pytest.mark.parametrize(
    ("name", "array", "at", "by"),
    [
        ("caron", "labels", 0, 1e-3),
        ("caron", "weights", 5, 1e-1),
        ("caron", "inputs", 2, 1e-2),
        ("caron", "scales", 0, 1e-2),
        ("caron", "signs", 3, 1e-2),
        ("caron smooth", "weights", 5, 1e-2),
        ("chen a", "labels", 1, 1e-3),
        ("chen a", "inputs", 2, 1e-2),
        ("chen a", "scales", 0, 1e-3),
        ("chen b", "labels", 0, 1e-3),
        ("chen c", "labels", 0, 1e-3),
        ("chen c", "signs", 0, -1e-1),
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
    "evidence list": _set("evidence", "mass", [2.0]),
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
    "rates short": _set("model", "rates", [1.0]),
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
    ("name", "change"),
    [
        ("drawn", _set("data", "weights", "drawn", "seed", [7, 6])),
        ("drawn", _set("data", "weights", "drawn", "seed", -1)),
        ("drawn", _set("data", "weights", "drawn", "seed", [7, 5, 1])),
        ("drawn", _set("data", "weights", "drawn", "seed", True)),
        ("drawn", _set("data", "weights", "drawn", "seed", "7")),
        ("drawn", _set("data", "weights", "drawn", "scale", 2.0)),
        ("drawn", _set("data", "weights", "drawn", "scale", None)),
        ("drawn", _set("data", "weights", "drawn", "mirrored", True)),
        ("drawn", _set("data", "weights", "drawn", "mirrored", 0)),
        ("drawn", _set("data", "weights", "drawn", "law", "signs")),
        ("drawn", _set("data", "weights", "drawn", "more", 1)),
        ("drawn", _set("data", "signs", "drawn", "seed", 7)),
        ("drawn", _set("data", "signs", "drawn", "law", "normal signs")),
        ("drawn", _set("data", "scales", "drawn", "gamma", 0.0)),
        ("drawn", _set("data", "scales", "drawn", "gamma", 0.5)),
        ("drawn", _set("data", "scales", "drawn", "alpha", -1.0)),
        ("drawn", _set("data", "scales", "drawn", "alpha", 1e-320)),
        ("drawn", _set("data", "weights", "drawn", "scale", 1e308)),
        ("drawn normal", _set("data", "scales", "drawn", "value", 2.0)),
    ],
)
def test_another_draw_is_found(name, change, tmp_path):
    doc = genuine(name)
    change(doc)
    assert any(line.startswith("data") for line in failed(verdict(doc, tmp_path)))


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
        np.asfortranarray(np.zeros((300, 4))),
        np.zeros((4, 300)),
        np.zeros((299, 4)),
        np.full((300, 4), np.nan),
        np.full((300, 4), np.inf),
        np.zeros(()),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_a_wrong_array_in_a_file_is_found(weights, tmp_path):
    assert "data weights" in failed(verdict(_npz(tmp_path, weights=weights), tmp_path))


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


# --- edges ---------------------------------------------------------------------------------------------------------


def test_a_kink_is_closed_in_the_gram_and_flips(tmp_path):
    weights = np.random.default_rng(0).standard_normal((300, 4))
    weights[:3] = 0.0
    doc = ex.caron(arrays={"weights": weights})
    assert verdict(doc, tmp_path).valid
    doc["evidence"]["flips"] = 0.0
    assert "evidence flips" in failed(verdict(doc, tmp_path))
    lazy = ex.caron(push=0.0, arrays={"weights": weights})
    assert lazy["evidence"]["flips"] > 0, "neurons at the kink flip even if nothing moves"
    assert verdict(lazy, tmp_path).valid


def test_a_singular_gram_has_no_certificate(tmp_path):
    weights = np.abs(np.random.default_rng(0).standard_normal((300, 4)))
    doc = ex.caron(arrays={"weights": weights, "signs": np.ones(300)})
    doc["data"]["inputs"]["values"][4:8] = doc["data"]["inputs"]["values"][:4]
    doc["data"]["inputs"]["sha256"] = ex.digest(doc["data"]["inputs"]["values"])
    doc["evidence"]["kappa_hat"] = 1e-300
    assert "evidence kappa_hat" in failed(verdict(doc, tmp_path))


def test_equality_is_proved_where_the_numbers_are_exact(tmp_path):
    doc = ex.chen_ab("a", "identity")
    points = 2 * np.eye(4)[:3]
    f = ((np.array(doc["data"]["weights"]["values"]).reshape(-1, 4) @ points.T / 2).T @ np.array(doc["data"]["signs"]["values"])) / 200  # fmt: skip
    doc["data"]["inputs"], doc["data"]["labels"] = ex.inline(points), ex.inline(f)
    doc["evidence"] |= {"lam": 1, "g": 1.0, "slope": 1.0, "steepness": 1.0, "zeta_0": 1e-9, "c_high": 1.5}
    doc["evidence"]["share"] = 0.1
    doc["conclusions"][0]["value"] = doc["conclusions"][0]["value"] / 10
    doc["conclusions"][1]["value"] = 1.0
    found = verdict(doc, tmp_path)
    assert found.valid, [line.says for line in found.lines if not line.ok]


@pytest.mark.parametrize("factor", [1e-300, 1e-150, 1e150, 1e300])
def test_huge_and_tiny_numbers_are_no_way_around(factor, tmp_path):
    for key in genuine("caron")["evidence"]:
        doc = copy.deepcopy(genuine("caron"))
        doc["evidence"][key] *= factor if key in _LOWER else 1 / factor
        found = verdict(doc, tmp_path)
        if factor > 1:
            assert not found.valid


# --- what it is made of --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.name)
def test_nothing_of_the_program_is_imported(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            modules = [node.module]
        else:
            names = {x.id for x in ast.walk(node) if isinstance(x, ast.Name)}
            assert not names & {"eval", "exec", "__import__", "importlib", "pickle", "marshal", "shelve"}
            continue
        for module in modules:
            assert module.startswith("theorycheck.recheck") or module.split(".")[0] in ALLOWED
            assert module.split(".")[0] not in {"pickle", "importlib", "ctypes", "marshal", "runpy", "subprocess"}


def test_it_works_where_the_program_cannot(tmp_path):
    path = ex.save(genuine("caron"), tmp_path)
    code = f"""
import sys
for name in ("numba", "scipy", "sympy", "sklearn"):
    sys.modules[name] = None
from theorycheck.recheck import recheck
assert recheck({str(path)!r}).valid
others = [x for x in sys.modules if x.startswith("theorycheck.") and not x.startswith("theorycheck.recheck")]
assert not others, others
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parents[1], timeout=120)

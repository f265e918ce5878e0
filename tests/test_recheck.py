"""The recheck finds genuine certificates valid, and every false number."""

from __future__ import annotations

import copy
import json
from functools import cache

import numpy as np
import pytest
import recheck_examples as ex

from theorycheck.recheck import recheck

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


@pytest.mark.parametrize("seed", range(2, 6))
def test_the_least_of_all_data_counts(seed, tmp_path):
    """Another datum is the worst one for every seed."""
    for made, key in ((ex.chen_c(seed=seed), "Q"), (ex.chen_ab("a", seed=seed), "share")):
        old = made["evidence"][key]
        made["evidence"][key] = [q * 1.00001 for q in old] if key == "Q" else old * 1.00001
        bad = [line for line in failed(verdict(made, tmp_path)) if line.startswith("evidence")]
        assert bad == (["evidence Q_1", "evidence Q_2", "evidence Q_3"] if key == "Q" else ["evidence share"])


def _conclusion_mutations():
    return [(name, k) for name in _LABELS for k in range(len(genuine(name)["conclusions"]))]


@pytest.mark.parametrize(("name", "k"), _conclusion_mutations())
def test_a_conclusion_beyond_its_formula_is_found(name, k, tmp_path):
    for part in (3e-6, 1e-3, 1.0):
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

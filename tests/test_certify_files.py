"""Certificates as files: written, rechecked by other code, rejected when altered."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certified_cases import KINDS, at_the_edge, attempt

from theorycheck.certify import Attempt, certify
from theorycheck.certify.checkpoint import at_checkpoint, instance_of
from theorycheck.certify.document import document, save
from theorycheck.certify.layer import sha256
from theorycheck.certify.problem import of_instance
from theorycheck.data import BadInput
from theorycheck.recheck import recheck
from theorycheck.theorems import card, recipe

# --- files ---------------------------------------------------------------------------------------


@cache
def genuine(kind: int, seed: int) -> tuple[Attempt, str, dict[str, Any]]:
    found = at_the_edge(kind, seed, share=0.9)
    assert found is not None
    content, arrays = document(found, "c.npz")
    if arrays:  # small enough to stand in the text
        for name, array in arrays.items():
            about = content["data"][name]
            content["data"][name] = {
                "shape": about["shape"],
                "sha256": about["sha256"],
                "values": array.ravel().tolist(),
            }
    return found, json.dumps(content), content


def valid(folder: Path, content: dict[str, Any]) -> bool:
    path = folder / "c.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return recheck(path).valid


EACH = [(kind, seed) for kind in range(len(KINDS)) for seed in range(9)]


@pytest.mark.parametrize(("kind", "seed"), EACH)
def test_genuine_certificates_are_valid_and_altered_ones_are_not(tmp_path: Path, kind: int, seed: int):
    """More than 100 genuine certificates are accepted; each is altered once so that it says too much, and rejected."""
    _, text, content = genuine(kind, seed)
    assert valid(tmp_path, content)
    altered = json.loads(text)
    what = alter(altered, np.random.default_rng([kind, seed]), (kind + seed) % 6)
    assert not valid(tmp_path, altered), what


def alter(content: dict[str, Any], rng: np.random.Generator, how: int) -> str:
    """Alter a certificate so that its statement is false or does not follow from its evidence."""
    if how == 0:  # a conclusion that says a little more than follows
        one = content["conclusions"][int(rng.integers(len(content["conclusions"])))]
        size = one["value"] if one["name"] != "contraction" else 1 - one["value"]
        one["value"] += (1 if one["side"] == "at least" else -1) * max(abs(size), 1e-300) * 1e-9
        return str(one)
    if how == 1:  # evidence beyond the truth, and conclusions that say no more than before
        name = "r_0" if "r_0" in content["evidence"] else "zeta_0"
        content["evidence"][name] *= 1 - 1e-3  # a residual of 1e-7 is known to 1e-5 of itself
        return name
    if how == 2:  # a label that is further away; its hash made right again
        labels = np.array(content["data"]["labels"]["values"])
        residual = content["evidence"].get("r_0", content["evidence"].get("zeta_0"))
        labels[0] += 3 * residual
        content["data"]["labels"] |= {"values": labels.tolist(), "sha256": sha256(labels)}
        return "label"
    if how == 3:  # other weights than those that were certified
        for name in ("weights", "signs"):
            about = content["data"][name]
            if "drawn" in about:
                about["drawn"]["seed"] = 12345
            else:
                about["values"][0] += 1.0
        return "seed"
    if how == 4:  # a positive eigenvalue that is too large
        name = next(n for n in ("kappa_hat", "lam", "alpha_squared") if n in content["evidence"])
        content["evidence"][name] *= 1.2  # a gate in doubt costs the certifier up to some percent
        return name
    choices = content["choices"]  # a choice outside its range
    for name, wrong in (("theta", 1.01), ("c", 1.01), ("split", 1.0), ("eta", -0.1)):
        if name in choices:
            choices[name] = wrong
            return name
    choices["rho"][0] = -choices["rho"][0]
    return "rho"


def test_what_is_written_is_read_back_whole(tmp_path: Path):
    found = attempt("razborov2022.r1", n=3, d=4, m=5000)
    (path,) = save(found, tmp_path / "drawn.json")
    assert recheck(path).valid
    moved = at_checkpoint(found.problem, 3.0)
    assert moved.history["checkpoint"]["time"] == 3.0
    later = certify(found.recipe, moved)
    path, arrays = save(later, tmp_path / "moved.json")
    assert arrays.name == "moved.arrays.npz"
    assert recheck(path).valid
    assert "not proved" in json.loads(path.read_text())["history"]["checkpoint"]["simulated"]
    with np.load(arrays) as stored:
        changed = {name: stored[name].copy() for name in stored}
    changed["weights"][0, 0] += 1.0
    np.savez(arrays, **changed)
    failed = recheck(path)
    assert not failed.valid
    assert "weights" in " ".join(line.name for line in failed.lines if not line.ok)
    assert not [name for name in tmp_path.iterdir() if "part" in name.name]


def test_a_checkpoint_certifies_what_the_start_does_not():
    start = recipe("chen2022.c").example(n=3, d=6, m=512, data="orthogonal", label=0.3)
    assert not certify(recipe("chen2022.c"), start).holds
    later = at_checkpoint(start, 6.0)
    assert certify(recipe("chen2022.c"), later).holds
    assert not np.array_equal(later.layer.weights, start.layer.weights)
    with pytest.raises(BadInput, match="positive"):
        at_checkpoint(start, -1.0)


def test_a_checkpoint_of_descent_counts_steps(tmp_path: Path):
    start = recipe("razborov2022.r1").example(n=2, d=6, m=2000, label=12.0)
    before = certify(recipe("razborov2022.r1"), start, dynamics="descent")
    later = certify(recipe("razborov2022.r1"), at_checkpoint(start, 200.0, dynamics="descent"), dynamics="descent")
    assert not before.holds
    assert later.holds
    assert recheck(save(later, tmp_path / "d.json")[0]).valid
    fitted = at_checkpoint(start, 2000.0, dynamics="descent")  # a residual of the size of its own rounding
    assert certify(recipe("razborov2022.r1"), fitted, dynamics="descent").holds
    with pytest.raises(BadInput, match="number of steps"):
        at_checkpoint(start, 2.5, dynamics="descent")


def test_an_instance_in_memory_is_certified_too(tmp_path: Path):
    instance = card("caron2023.r0").example(n=2, d=2, m=2000, data="orthogonal", residual=0.3)
    found = certify(recipe("caron2023.r0"), of_instance(instance))
    assert found.holds
    assert recheck(save(found, tmp_path / "held.json")[0]).valid
    problem = recipe("caron2023.r0").example(n=2, d=2, m=2000, data="orthogonal", residual=0.3)
    assert np.array_equal(instance_of(problem).weights, instance.weights)
    assert np.allclose(problem.labels, instance.labels, rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", [[600], [600, "a"], [600, None], 7, [600, 10**9], [10**12, 2], []])
def test_a_shape_that_is_none_is_a_failed_line(tmp_path: Path, shape: object):
    """An attack: signs are drawn after weights, and how many those are must not be believed."""
    content = document(attempt("caron2023.r0", n=2, d=2, m=600, residual=0.01, data="orthogonal"), "c.npz")[0]
    assert valid(tmp_path, content)
    content["data"]["weights"]["shape"] = shape
    assert not valid(tmp_path, content)


def test_nothing_that_is_no_certificate_is_replaced(tmp_path: Path):
    found = attempt("caron2023.r0", n=1, d=1, m=512, residual=0.1)
    for name in ("c.json", "c.arrays.npz"):
        (tmp_path / name).write_text("mine", encoding="utf-8")
        with pytest.raises(BadInput, match="not replaced"):
            save(found, tmp_path / "c.json")
        assert (tmp_path / name).read_text(encoding="utf-8") == "mine"
        (tmp_path / name).unlink()
    assert save(found, tmp_path / "c.json") == save(found, tmp_path / "c.json")  # its own kind it does replace

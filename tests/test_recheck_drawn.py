"""Certificates whose arrays are drawn again from their law and seed."""

from __future__ import annotations

import numpy as np
import pytest
import recheck_examples as ex
from test_recheck import failed, verdict

from theorycheck.recheck import drawn


def drawn_caron(mirrored=False, scale=1, m=300, gamma=0.6, **more):
    """A certificate of caron2023.r0 whose weights, signs and scales are drawn."""
    g = np.random.default_rng([7, 5])
    weights = g.standard_normal((m // 2 if mirrored else m, 4))
    weights = weights if scale == 1 else scale * weights
    if mirrored:
        weights, signs = np.repeat(weights, 2, axis=0), np.array([1.0, -1.0] * (m // 2))
    else:
        signs = g.integers(0, 2, m) * 2.0 - 1.0
    scales = np.full(m, gamma / m)
    if gamma != 1:
        u = np.arange(1, m + 1, dtype=float) ** (-1 / 0.5)
        scales = scales + (1 - gamma) * u / u.sum()
    doc = ex.caron(m=m, arrays={"weights": weights, "signs": signs, "scales": scales}, **more)
    seeded = {"seed": [7, 5], "scale": scale, "mirrored": mirrored}
    laws = {
        "weights": {"law": "gaussian", **seeded},
        "signs": {"law": "signs", **seeded, "scale": 1},
        "scales": {"law": "asymmetric", "gamma": gamma, "alpha": 0.5},
    }
    return _draw(doc, laws)


def drawn_razborov(mirrored=False, m=120, law="normal signs", scale=1):
    """A certificate of razborov2022.r1 whose outer weights are normal or signs."""
    g = np.random.default_rng(3)
    weights = g.standard_normal((m // 2 if mirrored else m, 4))
    weights = np.repeat(weights, 2, axis=0) if mirrored else weights
    if law == "signs":
        signs = np.array([1.0, -1.0] * (m // 2)) if mirrored else g.integers(0, 2, m) * 2.0 - 1.0
    else:
        signs = g.standard_normal(m // 2 if mirrored else m)
        signs = np.stack([signs, -signs], axis=1).ravel() if mirrored else signs
    signs = signs if scale == 1 else scale * signs
    doc = ex.razborov(m=m, arrays={"weights": weights, "signs": signs})
    seeded = {"seed": 3, "mirrored": mirrored}
    laws = {
        "weights": {"law": "gaussian", "scale": 1, **seeded},
        "signs": {"law": law, "scale": scale, **seeded},
        "scales": {"law": "constant", "value": 1.0},
    }
    return _draw(doc, laws)


def _draw(doc, laws):
    for name, law in laws.items():
        described = doc["data"][name]
        described.pop("values")
        described["drawn"] = law
    return doc


GENUINE = {
    "drawn": drawn_caron,
    "drawn mirrored": lambda: drawn_caron(True, 1.5),
    "drawn even": lambda: drawn_caron(gamma=1),
    "drawn signs": lambda: drawn_razborov(law="signs", scale=1.25),
    "drawn normal": drawn_razborov,
    "drawn normal mirrored": lambda: drawn_razborov(mirrored=True, scale=0.75),
    "drawn signs mirrored": lambda: drawn_razborov(mirrored=True, law="signs"),
}


@pytest.mark.parametrize("name", GENUINE)
def test_a_genuine_drawn_certificate_is_valid(name, tmp_path):
    found = verdict(GENUINE[name](), tmp_path)
    assert found.valid, [line.says for line in found.lines if not line.ok]


def _set(*path):
    def change(doc):
        *keys, last, value = path
        for key in keys:
            doc = doc[key]
        doc[last] = value

    return change


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
    doc = GENUINE[name]()
    change(doc)
    assert any(line.startswith("data") for line in failed(verdict(doc, tmp_path)))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 7, 1000])
def test_chunks_do_not_change_what_is_drawn(mirrored, rows):
    seeded = {"seed": 11, "scale": 1.5, "mirrored": mirrored}
    data = {"weights": {"shape": [30, 3]}}
    weights = np.concatenate(list(drawn.chunks({"law": "gaussian", **seeded}, (30, 3), data, rows)))
    generator = np.random.default_rng(11)
    truth = 1.5 * generator.standard_normal((15 if mirrored else 30, 3))
    assert np.array_equal(weights, np.repeat(truth, 2, axis=0) if mirrored else truth)
    signs = np.concatenate(list(drawn.chunks({"law": "signs", **seeded, "scale": 1}, (30,), data, rows)))
    after = np.array([1.0, -1.0] * 15) if mirrored else generator.integers(0, 2, 30) * 2.0 - 1.0
    assert np.array_equal(signs, after)

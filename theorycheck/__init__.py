"""theorycheck: hold convergence theorems about neural networks against reality.

The public names are loaded when first asked for, so that ``import theorycheck`` is quick. The
verb itself is ``theorycheck.check.check``: a module and a function of one name cannot share a place.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Certificate": "evidence",
    "Judgement": "evidence",
    "Measured": "evidence",
    "Outcome": "evidence",
    "Report": "evidence",
    "Truth": "evidence",
    "Verdict": "evidence",
    "Theorem": "statement",
    "Instance": "model",
    "Run": "flow",
    "FlowStalled": "flow",
    "follow": "flow",
    "descend": "flow.descent",
    "hunt": "check",
    "card": "theorems",
    "cards": "theorems",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'theorycheck' has no attribute {name!r}")
    return getattr(importlib.import_module(f"theorycheck.{_HOME[name]}"), name)

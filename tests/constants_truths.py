"""How certified constants are held against what is known."""

from __future__ import annotations

import sympy as sp

from theorycheck.symbolic.activations import Z, activation


def holds(certificate, truth, slip=0.0):
    """Whether a certificate encloses a number that is itself known up to ``slip``."""
    return certificate.lower <= truth + slip and truth - slip <= certificate.upper


def floats(name):
    return sp.lambdify(Z, activation(name).expr, ["scipy", "numpy"])

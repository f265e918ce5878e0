"""Compiled inner loops of the smooth flow with one output: what surrounds the products and the transcendental functions.

NumPy's tanh, exp and erf are vectorised and Numba's are not, so those run as ufuncs; everything polynomial around them is
fused here, because evaluations are limited by memory and not by arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from numba import njit
from numpy.typing import NDArray
from scipy import special

from theorycheck.compiled import compile_block, compile_kernel, specialise
from theorycheck.symbolic.activations import Activation, Z
from theorycheck.symbolic.recurrences import polynomial_system

Array = NDArray[np.float64]

_UFUNCS = {sp.tanh: np.tanh, sp.exp: np.exp, sp.erf: special.erf, sp.sin: np.sin, sp.cos: np.cos}


@dataclass(frozen=True)
class Gates:
    """An activation's slope in pieces: ufuncs of simple arguments, and a fused polynomial of what they return."""

    pieces: tuple[tuple[Callable[..., Any], Callable[..., Any] | None], ...]
    finish: Callable[..., None]

    def __call__(
        self, h: Array, outer: Array, residual: Array, slopes: Array, force: Array, seen: tuple[Array, ...]
    ) -> None:
        """Write ``s'(h) outer_j`` (t, n, m) into ``slopes`` and that times ``residual`` (t, n) into ``force``.

        ``seen`` holds a buffer (t, n, m) for every piece: fresh pages would cost as much as tanh.
        """
        for (ufunc, argument), out in zip(self.pieces, seen, strict=True):
            ufunc(h if argument is None else argument(h), out=out)
        self.finish(h, seen[0], seen[-1], outer, residual, slopes, force)


def _finish(h: Any, y: Any, q: Any, outer: Any, residual: Any, slopes: Any, force: Any, slope: Any) -> None:
    for t in range(h.shape[0]):
        for i in range(h.shape[1]):
            hs, ys, qs, ss, fs = h[t, i], y[t, i], q[t, i], slopes[t, i], force[t, i]
            r = residual[t, i]
            for j in range(len(hs)):
                value = slope(hs[j], ys[j], qs[j]) * outer[j]
                ss[j] = value
                fs[j] = value * r


@cache
def gates(activation: Activation) -> Gates | None:
    """Return the pieces, or None where the slope is not a polynomial of at most two known functions."""
    try:
        system = polynomial_system(activation)
    except ValueError:
        return None
    if not 1 <= len(system.symbols) <= 2 or any(function.func not in _UFUNCS for function in system.functions):
        return None
    pieces = []
    for function in system.functions:
        (inner,) = function.args
        pieces.append((_UFUNCS[function.func], None if inner == Z else compile_block((Z,), inner)))
    symbols = (Z, system.symbols[0], sp.Symbol("q", real=True) if len(pieces) == 1 else system.symbols[1])
    kernel = compile_kernel("slope", symbols, system.slope)
    return Gates(tuple(pieces), specialise(_finish, {"slope": kernel}, parallel=False))


@njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc"})
def exchange(slopes: Any, residual: Any, old: Any, scale: float) -> float:  # pragma: no cover
    """Replace ``old`` by ``slopes residual`` and return the norm of the change over ``scale``."""
    total = 0.0
    for t in range(slopes.shape[0]):
        for i in range(slopes.shape[1]):
            ss, os = slopes[t, i], old[t, i]
            r, part = residual[t, i], 0.0
            for j in range(len(ss)):
                new = ss[j] * r
                gap = (os[j] - new) / scale
                part += gap * gap
                os[j] = new
            total += part
    return float(np.sqrt(total))

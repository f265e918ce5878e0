"""Frozen random layers below the trained one (section 4.11): their features, limit Grams and what they are bounded by.

``phi_0 = x/sqrt d``, ``phi_l = s_l(W_l phi_{l-1})/sqrt(M_l)`` with ``W_l ~ N(0, 1)`` frozen, l = 1..L-2. Given
``phi_{l-1}`` the rows of ``W_l phi_{l-1}`` are independent ``N(0, Ghat_{l-1})``, ``Ghat = phi phi'``, so that
``E Ghat_l = Gamma(Ghat_{l-1})``, ``Gamma(S) = E[s(u) s(u)']``, ``u ~ N(0, S)``.

The trained layer sees the last features only through the n coordinates of a neuron's weights in their span, which
are ``N(0, nu^2)`` as well. An instance holds these coordinates: its inputs are ``(n, n)`` whatever the width M.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from flint import arb, arb_mat, ctx
from scipy.linalg import qr

from theorycheck.compiled import compile_block
from theorycheck.data import BadInput
from theorycheck.enclose import ends
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.grams import Array, Gram, dual_balls, dual_matrix
from theorycheck.model import MEMORY, Instance
from theorycheck.spectrum import BALL_SIZE, PRECISION, least_eigenvalue, measured_least
from theorycheck.spectrum_cholesky import gamma
from theorycheck.symbolic.activations import Activation, Z
from theorycheck.symbolic.activations import activation as read_activation

#: what a product that underflows may lose, rounded up
TINY = 2.0**-1073
#: features are drawn in blocks of this many numbers
_BLOCK = 2**21


def layer(features: Array, activation: Activation, width: int, seed: Sequence[int]) -> Array:
    """Return the next layer's features, as ``(n, n)`` coordinates in their span, of features ``(n, k)``.

    Coordinates have the Gram of the features up to the rounding of a QR decomposition, which counts as part of the
    layer, as does the rounding of s. ``seed`` is the network's seed, then what tells layers and draws apart.

    Raises
    ------
    BadInput
        If the features would not fit in memory.
    """
    n = len(features)
    if 16 * n * width > MEMORY:
        raise BadInput(
            f"a frozen layer of {width} neurons needs about {16 * n * width / 2**30:.0f} GiB for {n} samples, more than "
            f"the {MEMORY / 2**30:.0f} GiB allowed: lower --hidden, or take samples that are less alike"
        )
    value = compile_block((Z,), activation.expr)
    # a key of its own: seeds alone are padded with zeros, so that other streams would be among them
    generator = np.random.default_rng(np.random.SeedSequence(seed[0], spawn_key=(77, *seed[1:])))
    out = np.empty((n, width))
    step = max(1, _BLOCK // n)
    for start in range(0, width, step):
        rows = generator.standard_normal((min(step, width - start), features.shape[1]))
        out[:, start : start + step] = value(features @ rows.T) / math.sqrt(width)
    return coordinates(out)


def coordinates(features: Array) -> Array:
    """Return ``(n, n)`` coordinates of the rows of features ``(n, M)`` in their span: the same Gram, up to rounding."""
    n, width = features.shape
    if width <= n:
        return np.pad(features, ((0, 0), (0, n - width)))
    return np.ascontiguousarray(qr(features.T, mode="r", check_finite=False)[0][:n].T)


# --- measures ----------------------------------------------------------------------------------


def gram_of(features: Array) -> Gram:
    """Return ``phi phi'`` with a bound on the rounding of its entries."""
    sizes = float(np.max(np.sum(features**2, axis=1), initial=0.0))
    lost = gamma(features.shape[1] + 2) * sizes * (1 + 1e-9) + features.shape[1] * TINY
    return Gram(features @ features.T, lost, rigorous=True)


def _balls(gram: Gram, unit: bool) -> arb_mat:
    n = len(gram.matrix)
    entries = [[arb(float(gram.matrix[i, k]), gram.error) for k in range(n)] for i in range(n)]
    if unit:
        roots = [entries[i][i].sqrt() for i in range(n)]
        one = [arb(1) if root > 0 else arb("nan") for root in roots]  # a row of zeros has no direction
        entries = [[one[i] if i == k else entries[i][k] / (roots[i] * roots[k]) for k in range(n)] for i in range(n)]
    return arb_mat(entries)


@lru_cache(maxsize=64)
def _least(data: bytes, shape: tuple[int, int], activation: Activation, unit: bool) -> Measured:
    features = np.frombuffer(data).reshape(shape)
    if not np.all(np.isfinite(features)):
        return Measured(np.nan)
    if len(np.unique(features, axis=0)) < len(features):
        return Measured(0.0, 0.0, rigorous=True)  # two samples that are equal: exactly singular
    if shape[0] <= BALL_SIZE:
        with ctx.workprec(PRECISION):
            mean = dual_balls(activation.expr, _balls(gram_of(features), unit))
        if mean is not None:
            return measured_least(least_eigenvalue(mean))
    if unit:
        features = features / np.linalg.norm(features, axis=1, keepdims=True)
    found = dual_matrix(activation.expr, features, 1.0)
    if not np.all(np.isfinite(found.matrix)):
        return Measured(np.nan)
    certificate = measured_least(least_eigenvalue(found.matrix, found.error))
    return Measured(certificate.value, certificate.error)  # the error of the entries is an estimate


def least_of_mean(features: Array, activation: Activation, *, unit: bool = False) -> Measured:
    """Return ``lambda_min(Gamma(phi phi'))``; of rows divided by their norms if ``unit``.

    Proved in balls for up to 64 samples where the dual activation has a closed form, else with an estimated error.
    """
    return _least(features.tobytes(), features.shape, activation, unit)


def limit_grams(features: Array, activations: Sequence[Activation]) -> list[Array]:
    """Return the limit Grams ``Gamma_l(...Gamma_1(phi phi'))`` of all layers wide, ``(n, n)`` each: the recursion."""
    found, gram = [], features @ features.T
    for activation in activations:
        values, vectors = np.linalg.eigh(gram)
        gram = dual_matrix(activation.expr, vectors * np.sqrt(np.maximum(values, 0.0)), 1.0).matrix
        found.append(gram)
    return found


def below(run: Run) -> Array:
    """Return the features that the last frozen layer is drawn on, ``(n, M_{L-3})``.

    Raises
    ------
    BadInput
        If the instance has no frozen layer.
    """
    if len(run.instance.frozen) < 2:
        raise BadInput(
            "this theorem speaks of a network with a frozen layer below the trained one: the instance has none"
        )
    return run.instance.frozen[-2]


def last_activation(run: Run) -> Activation:
    """Return the activation of the last frozen layer.

    Raises
    ------
    BadInput
        If the instance has no frozen layer.
    """
    found = run.instance.frozen_activation
    if found is None:
        raise BadInput(
            "this theorem speaks of a network with a frozen layer below the trained one: the instance has none"
        )
    return found


def least_limit(run: Run) -> Measured:
    """Return ``lam_inf``, the least eigenvalue of the mean Gram of the last frozen layer given those before it."""
    return least_of_mean(below(run), last_activation(run))


def trace(run: Run) -> Measured:
    """Return ``T``, the trace of the Gram that the last frozen layer is drawn on."""
    features = below(run)
    value = float(np.sum(features**2))
    return Measured(value, gamma(features.size + 2) * value + features.size * TINY, rigorous=True)


def largest_cosine(run: Run) -> Measured:
    """Return ``rho``, the largest ``|cos|`` between two different rows of what the last frozen layer is drawn on."""
    features = below(run)
    n = len(features)
    with ctx.workprec(PRECISION):
        unit = _balls(gram_of(features), True)
        found = [ends(abs(unit[i, k])) for i in range(n) for k in range(i)] or [(0.0, 0.0)]
    return Measured.between(max(low for low, _ in found), max(high for _, high in found), True)


# --- instances ---------------------------------------------------------------------------------

#: what draws the trained layer on inputs: (inputs, draw) -> instance
Top = Callable[[Array, int], Instance]


def deep(top: Top, stack: tuple[Array, ...], activation: str, width: int, seed: int, draw: int = 0) -> Instance:
    """Return the instance ``top`` on one more frozen layer over ``stack``; its ``redraw`` draws that layer too.

    What is below the last frozen layer is kept in every draw: the theorem holds given it.
    """
    last = layer(stack[-1], read_activation(activation), width, (seed, len(stack), draw))

    def redraw(instance: Instance, draw: int) -> Instance:
        return deep(top, stack, activation, width, seed, draw)

    instance = top(last * math.sqrt(len(last)), draw)
    about = {
        **instance.description,
        "d": stack[0].shape[1],
        "M_phi": width,
        "frozen": activation,
        "layers": len(stack) + 2,
    }
    parameters = {**instance.parameters, "hidden": float(width)}
    return replace(
        instance, frozen=(*stack, last), frozen_activation=read_activation(activation), parameters=parameters, description=about, redraw=redraw,
        notes=(*instance.notes, "the trained layer sees the frozen features by their n coordinates in their span"),
    )  # fmt: skip

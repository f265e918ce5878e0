"""Measures of Prop R0: the uniform tangent Gram at time 0, and the gates that can flip."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from theorycheck import measure
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.grams import Array, blocks
from theorycheck.model import Instance
from theorycheck.network import output_and_gram
from theorycheck.spectrum import least_eigenvalue, measured_least


@lru_cache(maxsize=8)
def _uniform_least(instance: Instance) -> Measured:
    # the tangent Gram of a network whose nodes all weigh the same
    _, gram = output_and_gram(replace(instance.network, outer=np.full((instance.m, 1), instance.m**-0.5)))
    if not np.all(np.isfinite(gram)):
        return Measured(np.nan)
    found = measured_least(least_eigenvalue(gram, (16 + 4 * instance.d) * np.finfo(float).eps * float(np.trace(gram))))
    return Measured(found.value, found.error)


def kappa_hat(run: Run) -> Measured:
    """Return the least eigenvalue of ``(1/m) sum_j A_j`` at time 0."""
    return _uniform_least(run.instance)


def _relative(measured: Measured) -> float:
    value, error = abs(float(measured.value)), float(measured.error)
    return min(error / value, 1.0) if value > 0 else 0.0


def _flip_gram(instance: Instance, masses: Array, times: float) -> Measured:
    """Return the largest eigenvalue of ``(1/d) sum_j mass_j (1_F 1_F') o |G|``, both ends of rounding.

    F: the gates within ``times`` R0's radius.
    """
    theta = instance.parameters["theta"]
    least, spectral = _uniform_least(instance), measure.spectral_square(Run(instance))
    floor = instance.parameters["gamma"] * theta**2 * float(least.value)
    if not floor > 0:
        return Measured(np.nan)
    radius = (
        times
        * np.sqrt(instance.scales * float(spectral.value) / instance.d)
        * float(np.linalg.norm(instance.start[0]))
        / floor
    )
    product = np.abs(instance.inputs @ instance.inputs.T) / instance.d
    norms = np.linalg.norm(instance.inputs, axis=1)[:, None]
    doubt = 1e-9 + _relative(least) + _relative(spectral) + _relative(measure.initial_residual(Run(instance)))
    found = []
    for slip in (1 - doubt, 1 + doubt):
        total = np.zeros((instance.n, instance.n))
        for block in blocks(instance.m, instance.n):
            touched = np.abs(instance.inputs @ instance.weights[block].T) <= slip * radius[block] * norms
            total += (touched * masses[block]) @ touched.T.astype(float)
        found.append(float(np.linalg.eigvalsh(product * total)[-1]))
    # a weight at the very edge of the flip set is counted both ways
    return Measured.between(found[0] * (1 - 1e-12) - 1e-300, max(found) * (1 + 1e-12) + 1e-300)


def flips_within(times: float) -> measure.Measure:
    """Return a measure of the largest eigenvalue of M_F, the flip mass with weights 1/m, for ``times`` R0's radii."""
    return lambda run: _flip_gram(run.instance, np.full(run.instance.m, 1 / run.instance.m), times)


def heavy_flips_within(times: float) -> measure.Measure:
    """Return a measure of the same with weights lambda_j."""
    return lambda run: _flip_gram(run.instance, run.instance.scales, times)


flips, heavy_flips = flips_within(1.0), heavy_flips_within(1.0)


def fourth(run: Run) -> Measured:
    """Return ``sum_i |x_i|^4``."""
    return measure.rounded(
        float(np.sum(np.linalg.norm(run.instance.inputs, axis=1) ** 4)), 2 * run.instance.n + run.instance.d
    )

"""What a descent is asked to record: at which steps, and quantities put together over steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorycheck.data import BadInput

Array = NDArray[np.float64]


def stacked(name: str, values: list[Array]) -> Array:
    """Return a quantity over steps, ``(k, ...)``; BadInput if its shape changes."""
    shapes = {value.shape for value in values}
    if len(shapes) > 1:
        raise BadInput(
            f"the quantity {name!r} has shapes {sorted(shapes)} at different steps: its shape must not change"
        )
    return np.array(values)


def joined(parts: tuple[NDArray[Any], ...]) -> NDArray[Any]:
    """Return arrays ``(k_i, ...)`` one after the other; no copy where only one of them is not empty."""
    full = [part for part in parts if len(part)]
    return full[0] if len(full) == 1 else np.concatenate(parts)


def wanted_steps(record: int | Iterable[int], steps: int) -> NDArray[np.bool_]:
    """Return which of the steps from 0 to ``steps`` to record; BadInput if there are none such."""
    if isinstance(record, range):
        given = np.arange(record.start, record.stop, record.step)
    else:
        given = np.array(list(record) if isinstance(record, Iterable) else record)
    if given.size and given.dtype.kind not in "iu":
        raise BadInput(f"record = {record!r}: give a number of steps, or the steps, in whole numbers")
    if given.ndim == 0:
        if given < 1:
            raise BadInput(f"record = {record}: record at least one step, or give the steps")
        given = np.rint(np.linspace(0 if given > 1 else steps, steps, int(given)))
    if given.size and not 0 <= given.min() <= given.max() <= steps:
        raise BadInput(f"record asks for steps {given.min()} to {given.max()}: they lie between 0 and steps = {steps}")
    wanted = np.zeros(steps + 1, dtype=bool)
    wanted[given.astype(np.int64)] = True
    return wanted

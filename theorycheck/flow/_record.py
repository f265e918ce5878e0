"""What a descent is asked to record: at which steps, and quantities put together over steps."""

from __future__ import annotations

from collections.abc import Iterable

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


def wanted_steps(record: int | Iterable[int], steps: int) -> frozenset[int]:
    """Return the steps to record, of 0 to ``steps``; BadInput if there are none such."""
    given = np.array(list(record) if isinstance(record, Iterable) else record)
    if given.size and given.dtype.kind not in "iu":
        raise BadInput(f"record = {record!r}: give a number of steps, or the steps, in whole numbers")
    if given.ndim == 0:
        if given < 1:
            raise BadInput(f"record = {record}: record at least one step, or give the steps")
        given = np.rint(np.linspace(0 if given > 1 else steps, steps, int(given)))
    found = frozenset(map(int, given))
    if found and not 0 <= min(found) <= max(found) <= steps:
        raise BadInput(f"record asks for steps {min(found)} to {max(found)}: they lie between 0 and steps = {steps}")
    return found

"""Hypothesis profiles: ``dev`` (default), ``ci`` and ``nightly``, chosen by ``HYPOTHESIS_PROFILE``.

The suite runs on every core, one process each; so that they do not fight over cores, BLAS has one thread in a process.
"""

import os

from hypothesis import HealthCheck, settings

for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # inherited by the workers, which import NumPy later

_SLOW = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("dev", max_examples=20, **_SLOW)
settings.register_profile("ci", max_examples=15, derandomize=True, **_SLOW)
settings.register_profile("nightly", max_examples=1000, **_SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

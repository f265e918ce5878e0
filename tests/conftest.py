"""Hypothesis profiles: ``dev`` (default), ``ci`` and ``nightly``, chosen by ``HYPOTHESIS_PROFILE``."""

import os

from hypothesis import HealthCheck, settings

_SLOW = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("dev", max_examples=20, **_SLOW)
settings.register_profile("ci", max_examples=30, derandomize=True, **_SLOW)
settings.register_profile("nightly", max_examples=1000, **_SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

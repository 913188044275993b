"""Hypothesis profiles: a short, repeatable run by default, a long one on request.

``HYPOTHESIS_PROFILE=soak`` searches for half an hour, with another seed each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile(
    "short",
    max_examples=60,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=_SLOW,
)
settings.register_profile(
    "soak",
    max_examples=3400,  # 10,200 sessions of the simulation
    stateful_step_count=80,
    deadline=None,
    print_blob=True,
    suppress_health_check=_SLOW,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))

"""Hypothesis profiles: `ci` for every run of the tests, `nightly` for long campaigns."""

import os
from typing import Final

from hypothesis import HealthCheck, settings

CI: Final = settings(
    max_examples=60,
    stateful_step_count=60,
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=(HealthCheck.too_slow,),
)
NIGHTLY: Final = settings(
    max_examples=5000,
    stateful_step_count=200,
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=(HealthCheck.too_slow,),
)
PROFILES: Final = {"ci": CI, "nightly": NIGHTLY}


def chosen() -> settings:
    """The profile that the environment variable KVREF_PROFILE names; `ci` if it names none."""
    name = os.environ.get("KVREF_PROFILE", "ci")
    if name not in PROFILES:
        raise ValueError(f"KVREF_PROFILE={name!r}: there are {', '.join(PROFILES)}")
    return PROFILES[name]

"""Sets the number of examples of a property: few in `make test`, many in `make test-slow` (docs/testing.md)."""

from __future__ import annotations

import os
from typing import Any, Final

from hypothesis import HealthCheck, settings

MANY: Final = os.environ.get("EXAMPLES") == "many"
FEW: Final = 10
# A check of main that fails must fail again; whoever runs a suite by hand tries other examples each time.
REPEATABLE: Final = os.environ.get("EXAMPLES_REPEAT") == "yes"


def examples(many: int, **options: Any) -> settings:
    """Settings of a property that `make test-slow` tries `many` times and `make test` at most 10 times."""
    return settings(max_examples=many if MANY else min(many, FEW), **options)


# A database, a busy machine and a first import make single examples slow: no property asserts a time.
settings.register_profile(
    "closeboard",
    max_examples=100 if MANY else FEW,
    deadline=None,
    derandomize=REPEATABLE,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("closeboard")

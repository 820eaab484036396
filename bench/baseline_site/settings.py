"""Closeboard's settings with the addresses of this package; benchmarked servers start with them."""

from __future__ import annotations

from closeboard.settings import *  # noqa: F403

ROOT_URLCONF = "bench.baseline_site.urls"

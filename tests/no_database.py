"""The settings without a database, for checks that read only the models and the migrations."""

from __future__ import annotations

from closeboard.settings import *  # noqa: F403 - all of them but one

DATABASES = {"default": {"ENGINE": "django.db.backends.dummy"}}

"""The ASGI door that `closeboard.serve` runs."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "closeboard.settings")
django.setup(set_prefix=False)

from board.stream import Hub, LiveHandler  # noqa: E402 - needs the applications that Django has just loaded
from closeboard.serve import on_exit  # noqa: E402

on_exit.append(Hub.end_all)

application = LiveHandler()

"""The ASGI application that `closeboard.serve` runs."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "closeboard.settings")
django.setup(set_prefix=False)

from board.live.asgi_handler import LiveHandler  # noqa: E402 - models can be imported only after django.setup()
from board.live.hub import Hub  # noqa: E402
from closeboard.serve import on_exit  # noqa: E402

on_exit.append(Hub.end_all)

application = LiveHandler()

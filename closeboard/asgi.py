"""The ASGI door that `closeboard.serve` runs."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "closeboard.settings")

application = get_asgi_application()

from board.stream import Hub  # noqa: E402 - needs the applications that Django has just loaded
from closeboard.serve import on_exit  # noqa: E402

on_exit.append(Hub.end_all)

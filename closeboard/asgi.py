"""The ASGI door that `closeboard.serve` runs."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "closeboard.settings")

application = get_asgi_application()

"""`manage.py make_key` prints what ENCRYPTION_KEYS takes."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from infra.secrets import decrypt_secret, encrypt_secret


def test_a_new_key_seals_and_opens(settings: Settings) -> None:
    out = StringIO()
    call_command("make_key", "winter", stdout=out)
    settings.ENCRYPTION_KEYS = out.getvalue().strip()
    assert settings.ENCRYPTION_KEYS.startswith("winter:")
    assert decrypt_secret(encrypt_secret("simulator", bound_to="here"), bound_to="here") == "simulator"


def test_a_name_by_default_and_none_that_would_break_the_ring() -> None:
    out = StringIO()
    call_command("make_key", stdout=out)
    assert out.getvalue().startswith("k20")
    with pytest.raises(CommandError, match="letters"):
        call_command("make_key", "a,b")

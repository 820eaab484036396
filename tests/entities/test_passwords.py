"""Tests make passwords cheap and production does not; each side verifies the hashes of the other."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, make_password, verify_password
from django.utils.module_loading import import_string
from pytest_django import Settings

from closeboard import settings as production

PASSWORD = "a long enough password"


def test_production_makes_argon2_hashes_at_their_full_cost() -> None:
    (path,) = production.PASSWORD_HASHERS
    hasher = import_string(path)()
    assert type(hasher) is Argon2PasswordHasher
    assert (hasher.time_cost, hasher.memory_cost, hasher.parallelism) == (2, 102_400, 8)


def test_the_hashes_of_tests_and_of_production_are_of_one_kind(settings: Settings) -> None:
    cheap = make_password(PASSWORD)
    assert cheap.startswith("argon2$argon2id$v=19$m=8,t=1,p=1$")
    settings.PASSWORD_HASHERS = production.PASSWORD_HASHERS
    full = make_password(PASSWORD)
    assert full.startswith("argon2$argon2id$v=19$m=102400,t=2,p=8$")
    assert verify_password(PASSWORD, cheap) == (True, True)
    assert verify_password(PASSWORD, full) == (True, False)
    assert verify_password("another password", cheap)[0] is False


def test_the_cheap_hasher_is_this_process_alone() -> None:
    assert settings.PASSWORD_HASHERS != production.PASSWORD_HASHERS
    assert not [path for path in production.PASSWORD_HASHERS if path.startswith("tests")]

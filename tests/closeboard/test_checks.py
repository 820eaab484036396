"""`manage.py check --deploy`: clean with production settings, and a sentence for what would lose work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from django.core.checks import CheckMessage
from pytest_django.fixtures import Settings

from closeboard import checks
from closeboard.ops import backing_services
from closeboard.ops.children import spawn, stop, wait_until
from infra.secrets import make_key
from tests.closeboard.processes import PROJECT


@contextmanager
def valkey_with(folder: Path, **settings: str) -> Iterator[str]:
    """The URL of a Valkey of our own with these settings."""
    path = folder / "valkey.sock"
    words: list[str | Path] = [
        backing_services.find_valkey(),
        "--port",
        "0",
        "--unixsocket",
        path,
        "--dir",
        folder,
        "--save",
        "",
    ]
    words += [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", value)]
    child = spawn("valkey", words, log=folder / "valkey.log")
    try:
        wait_until(child, path.exists)
        yield f"unix://{path}?db=0"
    finally:
        stop(child)


def told(messages: Iterable[CheckMessage]) -> list[str]:
    return [str(message.id) for message in messages]


def test_check_deploy_is_clean_with_production_settings(live_stack_env: dict[str, str]) -> None:
    """Django's list and ours, warnings included, against the real PostgreSQL and Valkey."""
    production = {
        "SECRET_KEY": "not a secret, only long: " + "0123456789abcdefghijklmnopqrstuvwxyz" * 2,
        "ENCRYPTION_KEYS": make_key("first"),
        "ALLOWED_HOSTS": "board.meridian.example",
        "PUBLIC_BASE_URL": "https://board.meridian.example",
        "ERP_ALLOWED_HOSTS": "login.microsoftonline.com,*.dynamics.com",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=PROJECT,
        env=live_stack_env | production,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "System check identified no issues (0 silenced)."


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_b8_a_redis_that_throws_keys_away_is_refused(policy: str, tmp_path: Path, settings: Settings) -> None:
    """05-reliability B8: anything but noeviction fails the check."""
    with valkey_with(tmp_path, maxmemory_policy=policy) as url:
        settings.REDIS_URL = url
        [error] = checks.redis_keeps_messages(None)
    assert error.is_serious()
    assert policy in error.msg
    assert "noeviction" in str(error.hint)


def test_b8_a_redis_that_keeps_everything_passes(settings: Settings) -> None:
    """The Valkey of this test run is started as the demo's is."""
    assert told(checks.redis_keeps_messages(None)) == []


def test_b8_where_config_is_hidden_info_tells(tmp_path: Path, settings: Settings) -> None:
    """Managed Redis hides CONFIG; INFO has the same word."""
    with valkey_with(tmp_path, maxmemory_policy="allkeys-lru") as url:
        with redis.Redis.from_url(url) as server:
            server.execute_command("ACL", "SETUSER", "default", "-config")
        settings.REDIS_URL = url
        assert told(checks.redis_keeps_messages(None)) == ["closeboard.E003"]
        with redis.Redis.from_url(url) as server:
            server.execute_command("ACL", "SETUSER", "default", "-info")
        [warning] = checks.redis_keeps_messages(None)
    assert not warning.is_serious()
    assert warning.id == "closeboard.W002"


def test_b8_a_redis_that_cannot_be_asked_is_a_warning(tmp_path: Path, settings: Settings) -> None:
    """The board answers without Redis, so this alone must not stop a deployment."""
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    assert told(checks.redis_keeps_messages(None)) == ["closeboard.W001"]


def test_a_secret_key_that_nobody_set_is_refused(settings: Settings) -> None:
    """Each process would sign sessions with a key of its own."""
    assert told(checks.secret_key_is_ours(None)) == []
    settings.SECRET_KEY_IS_OURS = False
    assert told(checks.secret_key_is_ours(None)) == ["closeboard.E001"]


@pytest.mark.parametrize("ring", ["", "first", "first:not base64!", "first:c2hvcnQ="])
def test_a_key_ring_that_opens_nothing_is_refused(ring: str, settings: Settings) -> None:
    """Said before the first secret is to be stored."""
    settings.ENCRYPTION_KEYS = ring
    [error] = checks.encryption_keys_are_usable(None)
    assert error.is_serious()
    assert "Set ENCRYPTION_KEYS" in error.msg

"""Stores the demo's state between two runs: its secrets, its simulator's port and the progress of the first load.

Standard library only.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

OUR_OWN = "our own"
ALL_INTERFACES = ("0.0.0.0", "::")  # noqa: S104 - recognised, not chosen
THIS_MACHINE = ("127.0.0.1", "localhost", "::1", *ALL_INTERFACES)


def demo_env(state: Path, host: str, port: int) -> dict[str, str]:
    """The environment of the demo's processes: variables set outside win over the demo's defaults."""
    secrets_file = state / "secrets.json"
    try:
        own_secrets = json.loads(secrets_file.read_text())
    except (OSError, ValueError):
        key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        own_secrets = {"SECRET_KEY": secrets.token_urlsafe(48), "ENCRYPTION_KEYS": f"demo:{key}"}
        write_private(secrets_file, json.dumps(own_secrets))
    extra_hosts = [] if host in THIS_MACHINE else [host]
    defaults = {
        **own_secrets,
        "DEBUG": "false",
        "ALLOWED_HOSTS": ",".join(["localhost", "127.0.0.1", "[::1]", *extra_hosts]),
        "PUBLIC_BASE_URL": f"http://{extra_hosts[0] if extra_hosts else 'localhost'}:{port}",
        "ERP_ALLOWED_HOSTS": "127.0.0.1",
        "SYNC_LOOK_SECONDS": "10",
        "MEDIA_ROOT": str((state / "media").absolute()),
        "MAIL_URL": (state / "mails").absolute().as_uri(),  # no mail leaves this machine; /mail/ shows them
    }
    overrides = {name: value for name, value in os.environ.items() if value or name not in defaults}
    forced = {"DJANGO_SETTINGS_MODULE": "closeboard.settings", "PYTHONUNBUFFERED": "1"}
    return defaults | overrides | forced


@dataclass
class DemoState:
    """Named values that the demo keeps between two runs, in a small JSON file."""

    path: Path

    def _read(self) -> dict[str, str]:
        try:
            values: dict[str, str] = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return values

    def matches(self, name: str, value: str) -> bool:
        return self._read().get(name) == value

    def remember(self, name: str, value: str) -> None:
        write_private(self.path, json.dumps(self._read() | {name: value}))

    def database_fingerprint(self, environ: Mapping[str, str]) -> str:
        """The database that the stored values are about: OUR_OWN, or a fingerprint of DATABASE_URL."""
        url = environ.get("DATABASE_URL")
        return hashlib.sha256(url.encode()).hexdigest() if url else OUR_OWN

    def simulator_port(self) -> int:
        """The simulator's port: the same as last time, as the demo's connections store it, unless it is taken."""
        previous = int(self._read().get("simulator port", "0"))
        if previous and not port_is_taken("127.0.0.1", previous):
            return previous
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        if previous:
            self.remember("simulator moved", "yes")
        self.remember("simulator port", str(port))
        return port


def fingerprint_of_migrations(project: Path) -> str:
    """A hash of our migrations and of the list of installed packages (some bring migrations too)."""
    digest = hashlib.sha256()
    for path in (*sorted(project.glob("*/migrations/*.py")), project / "requirements.txt"):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def port_is_open(port: int, address: str = "127.0.0.1") -> bool:
    """True if a program accepts connections on this port."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


def port_is_taken(host: str, port: int) -> bool:
    """True if we cannot listen there, or if the browser's `localhost` would reach another program over IPv6."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return host in ("127.0.0.1", "localhost") and port_is_open(port, "::1")


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    temporary.replace(path)

"""Writes the database of a revision, filled with the full scenario, and that revision's report of it.

Run in a clone of that revision, with these tests in it, in an empty database:

    python -m closeboard.up run -- .venv/bin/python -m tests.guards.make_old_database main-ff77652

It writes tests/guards/databases/<name>.sql.gz and <name>.json.gz; test_old_database upgrades each of them.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import django

FOLDER = Path(__file__).parent / "databases"


def main(name: str) -> None:
    """Migrate, fill, report, dump."""
    import tests.wiring  # noqa: F401, PLC0415 - the keys with which the tests seal and sign

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "closeboard.settings")
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415
    from django.test.utils import setup_test_environment  # noqa: PLC0415

    setup_test_environment()
    call_command("migrate", verbosity=0)
    expected = fill()
    dump = FOLDER / f"{name}.sql.gz"
    dump.parent.mkdir(exist_ok=True)
    text = json.dumps(expected, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    for path, content in ((dump, dumped()), (FOLDER / f"{name}.json.gz", text)):
        # No time: the same content is the same file.
        path.write_bytes(gzip.compress(content.encode(), mtime=0))
    print(f"{dump}: {dump.stat().st_size} bytes")


def fill() -> dict[str, object]:
    """Save the scenario with a signed-in session, and return its report."""
    import pytest  # noqa: PLC0415
    from django.contrib.sessions.models import Session  # noqa: PLC0415
    from django.db import connection, transaction  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from tests.guards.database_report import KEY, columns_of_tables, digests, shown  # noqa: PLC0415
    from tests.guards.full_scenario import FULL_AT, save_full_scenario  # noqa: PLC0415
    from tests.guards.recorded_responses import fix_settings, stop_the_clock  # noqa: PLC0415

    with pytest.MonkeyPatch.context() as patch:
        fix_settings(patch)
        with transaction.atomic():
            stop_the_clock(patch, FULL_AT)
            story = save_full_scenario()
            client = Client()
            client.force_login(story.finance)
            Session.objects.update(session_key=KEY, expire_date=datetime(2999, 1, 1, tzinfo=UTC))
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                cursor.execute("DROP SCHEMA standing_clock CASCADE")
        tables = columns_of_tables()
        found: dict[str, object] = {"columns": tables, "rows": digests(tables)}
        with transaction.atomic():
            stop_the_clock(patch, FULL_AT)
            found["shown"] = shown()
            transaction.set_rollback(True)
    return found


def dumped() -> str:
    """The database as SQL that any client can run: without the psql commands that newer pg_dumps write."""
    from closeboard.ops import postgres  # noqa: PLC0415

    words = ["--inserts", "--rows-per-insert=100", "--no-owner", "--no-privileges", "--no-comments"]
    program = postgres.find()[0] / "pg_dump"
    text = subprocess.run(
        [program, *words, os.environ["DATABASE_URL"]], check=True, capture_output=True, text=True
    ).stdout
    lines = [line for line in text.splitlines() if not line.startswith(("\\", "--"))]
    return "\n".join(line for line in lines if line.strip()) + "\n"


if __name__ == "__main__":
    main(sys.argv[1])

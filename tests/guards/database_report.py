"""Reports a database through the addresses and commands of the product, to compare two revisions by.

The dump of an earlier revision and the test that upgrades it both call `shown`.
"""

from __future__ import annotations

import re
from html import unescape
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client

from entities.models import Person
from tests.builders import utc
from tests.guards.full_scenario import FULL_AT
from tests.guards.recorded_responses import forget_what_is_kept, move_the_clock

DATABASES = Path(__file__).parent / "databases"  # of earlier revisions
MOMENTS = ("now", "2026-06-16T20:00", "2026-06-11T14:30", "2026-06-08T16:00", "2026-05-20T12:00")
MONTHS = ("2026-05", "2026-04")
FILES = ("/export/board.csv", "/export/past-deadline.csv", "/export/matrix.csv")
CODES = ("NLDT", "UKHC", "USRT", "UKWS", "FRSA", "MXCO", "LKTX")
KEY = "oldsessionofrosabell0123456789ab"  # of her signed-in session
NOT_COMPARED = {
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "django_session",
    "periods_news",
}


def shown() -> dict[str, Any]:
    """Every file, entity and explanation, by request; needs a transaction and stopped clocks at FULL_AT."""
    move_the_clock(FULL_AT)
    forget_what_is_kept()
    client = Client()
    client.force_login(Person.objects.get(email="rosa.bell@meridian.test"))
    found: dict[str, Any] = {}
    for month in MONTHS:
        for moment in MOMENTS:
            at = "" if moment == "now" else f"&at={moment}"
            for path in FILES:
                url = f"{path}?month={month}{at}"
                found[url] = _text(client, url).splitlines()
            as_of = FULL_AT if moment == "now" else utc(moment.replace("T", " "))
            name = f"scoreboard --month {month} --as-of {as_of:%Y-%m-%dT%H:%M}"
            found[name] = _command(
                "scoreboard", "--month", month, "--as-of", as_of.isoformat(), "--format", "json"
            )
    for code in CODES:
        for query in ("", "?month=2026-04", "?at=2026-06-11T14:30"):
            found[f"/entities/{code}/{query}"] = _words(_text(client, f"/entities/{code}/{query}"))
        found[f"explain_alerts {code}"] = _command("explain_alerts", code)
    for query in ("", "?kind=alert", "?message=parked", "?page=2"):
        found[f"/alerts/{query}"] = _words(_text(client, f"/alerts/{query}"))
    for path in ("/", "/calendar/", "/alerts/silences/", "/alerts/subscriptions/", "/views/"):
        found[path] = _words(_text(client, path))
    return found


def columns_of_tables() -> dict[str, list[str]]:
    """The columns of each table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, array_agg(column_name::text ORDER BY column_name) FROM information_schema.columns"
            " WHERE table_schema = 'public' GROUP BY table_name ORDER BY table_name"
        )
        return {name: columns for name, columns in cursor.fetchall() if name not in NOT_COMPARED}


def digests(columns: dict[str, list[str]]) -> dict[str, str]:
    """For each table its number of rows, and a digest of their values in these columns."""
    found = {}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'UTC'")
        for table, names in columns.items():
            row = ", ".join(f'"{name}"' for name in names)
            cursor.execute(
                f"SELECT count(*), coalesce(md5(string_agg(line, E'\\n' ORDER BY line COLLATE \"C\")), '')"
                f" FROM (SELECT ROW({row})::text AS line FROM {table}) told"
            )
            found[table] = " rows, ".join(map(str, cursor.fetchone()))
    return found


def _text(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, f"{url}: {response.status_code}"
    return b"".join(response).decode() if response.streaming else response.content.decode()


def _words(page: str) -> list[str]:
    """The lines of text in the main part of a page."""
    main = re.sub(r"<svg.*?</svg>", "", page[page.index("<main") : page.index("</main>")], flags=re.S)
    lines = (" ".join(unescape(line).split()) for line in re.sub(r"<[^>]*>", "\n", main).split("\n"))
    return [line for line in lines if line]


def _command(*words: str) -> list[str]:
    output = StringIO()
    call_command(*words, stdout=output)
    return output.getvalue().splitlines()

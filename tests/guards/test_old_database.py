"""The databases of earlier revisions, upgraded by today's migrations, say what they expected before.

With UPDATE_GOLDEN=1 what they say is written anew, in the words of today; their rows stay as they were saved.
"""

from __future__ import annotations

import gzip
import json
import os
from difflib import unified_diff
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from tests.guards.database_report import DATABASES, KEY, digests, shown
from tests.guards.full_scenario import FULL_AT
from tests.guards.recorded_responses import fix_settings, forget_what_is_kept, stop_the_clock

OLD = sorted(path.name.removesuffix(".sql.gz") for path in DATABASES.glob("*.sql.gz"))
# Tables whose old rows a migration changes on purpose, with the reason.
CHANGED_ON_PURPOSE: dict[str, str] = {}
# Lines that pages say since then in addition, with the reason.
ADDED_ON_PURPOSE = {
    "The blank end is no limit, or a date formula that the API does not show.": "a blank bound may hide a formula",
    "The deadline has passed and stays. No later date moves it.": "an agreed date moves no past",
}


def test_there_is_an_old_database() -> None:
    assert "main-ff77652" in OLD


@pytest.mark.parametrize("old_database", OLD, indirect=True)
def test_an_upgraded_database_says_what_it_said(
    old_database: dict[str, Any], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Boards of now and of past moments, entities with their history, alerts, exports, explanations, all rows."""
    fix_settings(monkeypatch)
    rows = {table: told for table, told in old_database["rows"].items() if table not in CHANGED_ON_PURPOSE}
    assert digests({table: old_database["columns"][table] for table in rows}) == rows
    _the_old_session_opens_the_board()
    with transaction.atomic():
        stop_the_clock(monkeypatch, FULL_AT)
        now = {
            url: [line for line in lines if line not in ADDED_ON_PURPOSE] for url, lines in shown().items()
        }
        transaction.set_rollback(True)
    forget_what_is_kept()
    if os.environ.get("UPDATE_GOLDEN") == "1":
        old_database["shown"] = now
        text = json.dumps(old_database, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        path = DATABASES / f"{request.node.callspec.params['old_database']}.json.gz"
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    assert now.keys() == old_database["shown"].keys()
    differing = [
        f"{asked}:\n"
        + "\n".join(list(unified_diff(before, now[asked], "before", "now", n=0, lineterm=""))[:20])
        for asked, before in old_database["shown"].items()
        if now[asked] != before
    ]
    assert not differing, "\n".join(differing[:10])


def _the_old_session_opens_the_board() -> None:
    """The cookie of somebody who was signed in before the upgrade still opens the board."""
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = KEY
    page = client.get("/?month=2026-05")
    assert page.status_code == 200
    assert b"Rosa Bell" in page.content
    client.cookies[settings.SESSION_COOKIE_NAME] = KEY[::-1]
    assert client.get("/").status_code == 302

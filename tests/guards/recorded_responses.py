"""Records answers byte for byte and compares them with a manifest in tests/golden/bytes (docs/testing.md).

A manifest has one line per answer: person, method and address, status, content type, length and the first 16 hex
digits of the SHA-256 of its normalised bytes. The templates that a scenario renders are in tests/golden/templates,
so that a template may move without changing a line here.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from difflib import unified_diff
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.contrib.messages import get_messages
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Max
from django.test import Client
from django.test.signals import template_rendered
from django.urls import get_resolver
from django.utils import timezone
from openpyxl import load_workbook

from board.scoreboard import screen
from entities.models import Person
from infra.models import AuditEvent, RefusedAct
from periods.board_cache.cache import BOARD_CACHE
from periods.models import News
from tests.golden_files import GOLDEN, assert_golden
from tests.guards.retired_words import retired_words_in, seen_texts

FOLDER, TEMPLATES_FOLDER, ACTS_FOLDER = "bytes", "templates", "acts"
SHOWN = 40  # lines of a difference that a failure shows
POLICY = "Content-Security-Policy"

# Random parts of answers, each with the rule that replaces it. A pattern that begins with a fixed text is found fast.
RANDOM = {
    "the token of a form": (
        re.compile(rb'(name="csrfmiddlewaretoken" value=")[A-Za-z0-9]{64}'),
        rb"\1TOKEN",
    ),
    "the token that htmx sends": (re.compile(rb"(X-CSRFToken&quot;: &quot;)[A-Za-z0-9]{64}"), rb"\1TOKEN"),
    "the cookie of forms": (re.compile(rb"(Set-Cookie: cb_csrf=)[A-Za-z0-9]+"), rb"\1TOKEN"),
    "the cookie of the session": (re.compile(rb"(Set-Cookie: cb_session=)[a-z0-9]+"), rb"\1SESSION"),
    "messages in a cookie, which stand below it": (
        re.compile(rb"(Set-Cookie: messages=)[^;\n]+"),
        rb"\1MESSAGES",
    ),
    "when a cookie ends, beside its Max-Age": (re.compile(rb"(; expires=)[^;\n]+"), rb"\1DATE"),
    "when a page ends that is never kept": (re.compile(rb"(\nExpires: )[^\n]+"), rb"\1DATE"),
    "a signed text that zlib has compressed": (re.compile(rb"\.eJ[\w-]+(:[\w-]+)+"), b"SIGNED"),
    "a random UUID, as in a Message-ID": (
        re.compile(rb"\b[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}\b"),
        b"UUID",
    ),
    "the id of a post": (re.compile(rb"(msg_)[0-9a-f]{32}\b"), rb"\1UUID"),
    "the secret of a webhook": (re.compile(rb"whsec_[A-Za-z0-9+/=]{20,}"), b"SECRET"),
    "the folder of a static file": (re.compile(rb"(/static/closeboard/)(?:[a-z]+/)+"), rb"\1"),
    "the boundary of a mail's parts": (re.compile(b"=" * 15 + rb"\d+=="), b"BOUNDARY"),
}


# --- a stopped clock ------------------------------------------------------------------------------------------------

_real_now = timezone.now
_moment: list[datetime] = []


def _now() -> datetime:
    return _moment[-1] if _moment else _real_now()


def stop_the_clock(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """Stop every clock at a moment: Django's, imported or not, that of signatures, and PostgreSQL's.

    Needs a transaction. Modules are found by their contents, so that a new module with a clock is stopped as well.
    """
    get_resolver().url_patterns  # noqa: B018 - imports the views, which import the clock
    monkeypatch.setattr(timezone, "now", _now)
    for module in list(sys.modules.values()):
        for name, value in list(vars(module).items() if module and hasattr(module, "__dict__") else ()):
            if value is _real_now and module is not sys.modules[__name__]:
                monkeypatch.setattr(module, name, _now)
    monkeypatch.setattr("django.core.signing.time", SimpleNamespace(time=lambda: _now().timestamp()))
    monkeypatch.setattr(sys.modules[__name__], "_moment", [moment])
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS standing_clock")
        for name in ("clock_timestamp", "statement_timestamp", "now"):
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION standing_clock.{name}() RETURNS timestamptz LANGUAGE sql STABLE"
                " AS $$ SELECT current_setting('standing_clock.moment')::timestamptz $$"
            )
        cursor.execute("SET LOCAL search_path = standing_clock, public, pg_catalog")
    move_the_clock(moment)


def move_the_clock(moment: datetime) -> None:
    """Set the stopped clocks to another moment."""
    _moment[-1] = moment
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('standing_clock.moment', %s, true)", [moment.isoformat()])


@contextmanager
def own_story() -> Iterator[None]:
    """A scenario within a transaction that is rolled back, with ids from 1 and with empty caches in this process."""
    with transaction.atomic():
        forget_what_is_kept()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT string_agg(format('ALTER SEQUENCE %I RESTART WITH 1', sequencename), '; ')"
                " FROM pg_sequences WHERE sequencename ~ '^(infra|entities|periods|alerts)_'"
            )
            cursor.execute(cursor.fetchone()[0])
        yield
        transaction.set_rollback(True)
    forget_what_is_kept()


def nothing_is_news() -> None:
    """Take the rows of a scenario as known: those of one's own transaction would be news to a board at every look."""
    News.objects.all().delete()


def forget_what_is_kept() -> None:
    """Clear cached boards, rendered parts and Redis, all of which belong to another database."""
    BOARD_CACHE.clear()
    screen._RENDERED.clear()
    cache.clear()


# --- answers --------------------------------------------------------------------------------------------------------


@dataclass
class RecordedResponses:
    """The answers of one scenario, in the order of their requests."""

    story: str
    tmp_path: Path
    found: dict[str, tuple[str, bytes]] = field(
        default_factory=dict
    )  # by person and address: status and type, bytes
    templates: set[str] = field(default_factory=set)
    acts: list[str] = field(default_factory=list)  # of each form, the events of the audit log
    about: str = ""  # prefix of each address: the name of one of several small scenarios

    def add(self, key: str, what: str, content: bytes) -> None:
        """Record bytes under a key of their own; `what` is the status and the type."""
        assert key not in self.found, f"{key} is asked for twice"
        self.found[key] = what, without_what_is_random(content)

    def get(self, who: str, client: Client, path: str, *, htmx: bool = False) -> None:
        """Record the answer to a GET, as a page or as the fragment that htmx requests."""
        response = client.get(path, headers={"HX-Request": "true"} if htmx else {})
        self.record(who, "HTMX" if htmx else "GET", path, response)

    def post(
        self,
        who: str,
        client: Client,
        path: str,
        data: Mapping[str, Any],
        note: str = "",
        prepare: Callable[[], object] = lambda: None,
    ) -> None:
        """Record the answer to a form; its writes are rolled back. `note` tells two forms of one address apart."""
        with transaction.atomic():
            prepare()
            newest = AuditEvent.objects.aggregate(newest=Max("pk"))["newest"] or 0
            response = client.post(path, data)
            key = self.record(who, "POST", f"{path}{note and '#'}{note}", response)
            self.acts.append(f"{key} {response.status_code}: {'; '.join(_acts_after(newest)) or 'no event'}")
            transaction.set_rollback(True)
        BOARD_CACHE.clear()  # the cache may hold changes that are now rolled back

    def record(self, who: str, method: str, path: str, response: Any) -> str:
        """Record a response with its headers, of a workbook its cells; returns the key of its line."""
        content = b"".join(response) if response.streaming else response.content
        kind = response.headers.get("Content-Type", "-").replace(" ", "")
        if content[:2] == b"PK":
            content = cells(content)
        heads = [
            f"{name}: {_in_order(value) if name == POLICY else value}"
            for name, value in response.headers.items()
            if name != "Content-Length"
        ]
        heads += [f"Set-Cookie: {cookie.OutputString()}" for cookie in response.cookies.values()]
        if "messages" in response.cookies:
            told = get_messages(response.wsgi_request)
            heads += [f"Message: {each.level_tag} {each.message} {each.extra_tags}" for each in told]
        head = "\n".join([str(response.status_code), *sorted(heads), "", ""]).encode()
        key = f"{self.about}{who.replace(' ', '-')} {method} {path}"
        key = without_what_is_random(key.encode()).decode()
        self.add(key, f"{response.status_code} {kind}", head + content)
        return key

    @contextmanager
    def recording_templates(self) -> Iterator[None]:
        """Record the name of each rendered template."""

        def note(sender: object, template: Any, **_: object) -> None:
            if template.name and not template.name.startswith("django/"):
                self.templates.add(template.name)

        template_rendered.connect(note)
        try:
            yield
        finally:
            template_rendered.disconnect(note)

    def manifest(self) -> str:
        lines = [
            f"{key} {what} {len(content)} {sha256(content).hexdigest()[:16]}"
            for key, (what, content) in self.found.items()
        ]
        return "\n".join([*lines, ""])

    def assert_as_before(self) -> None:
        """Assert that no answer says a retired word, and that all equal the manifest.

        A failure shows differing lines and how to see the bytes.
        """
        seen = {
            text: key for key, (what, content) in self.found.items() for text in seen_texts(what, content)
        }
        retired = {found: key for text, key in seen.items() for found in retired_words_in(text)}
        assert not retired, "\n".join(f"{key}: {found}" for found, key in list(retired.items())[:SHOWN])
        assert_golden(f"{TEMPLATES_FOLDER}/{self.story}.txt", "\n".join([*sorted(self.templates), ""]))
        if self.acts:
            assert_golden(f"{ACTS_FOLDER}/{self.story}.txt", "\n".join([*self.acts, ""]))
        kept = os.environ.get("KEEP_BYTES")
        if kept:
            self.write(Path(kept))
        name, manifest = f"{FOLDER}/{self.story}.txt", self.manifest()
        try:
            assert_golden(name, manifest)
        except AssertionError:
            before = (GOLDEN / name).read_text(encoding="utf-8").splitlines()
            differs = unified_diff(before, manifest.splitlines(), "before", "now", n=0, lineterm="")
            folder = self.write(Path(kept) if kept else self.tmp_path)
        else:
            return
        lines = [line for line in differs if not line.startswith("@@")]
        more = f"\nand {len(lines) - SHOWN} lines more" if len(lines) > SHOWN else ""
        pytest.fail(
            f"Answers of the story {self.story!r} are not those of tests/golden/{name}:\n"
            + "\n".join(lines[:SHOWN])
            + f"{more}\nThe bytes of now are in {folder}. To see what differs, run this test with KEEP_BYTES=FOLDER"
            " here and, with another folder, at the revision before, and compare them with `diff -r`. If all of it is"
            " meant, run it with UPDATE_GOLDEN=1.",
            pytrace=False,
        )

    def write(self, folder: Path) -> Path:
        """Write each answer to a file of its own, named after person and request."""
        into = folder / self.story
        into.mkdir(parents=True, exist_ok=True)
        for key, (_, content) in self.found.items():
            plain = re.sub(r"[^A-Za-z0-9.=&-]+", "_", key)[:140]
            (into / f"{plain}.{sha256(key.encode()).hexdigest()[:6]}").write_bytes(content)
        return into


def _acts_after(newest: int) -> Iterator[str]:
    """The events after this id, and the refused acts that are still counted."""
    for event in AuditEvent.objects.filter(pk__gt=newest).order_by("pk"):
        values = " ".join(json.dumps(value, sort_keys=True) for value in (event.before, event.after) if value)
        yield without_what_is_random(
            f"{event.verb} of {event.object_kind} {event.object_id} in {event.scope or 'all'}, by {event.actor_kind}"
            f" {event.actor}, {event.through} {values}".strip().encode()
        ).decode()
    for counted in RefusedAct.objects.order_by("pk"):
        yield f"{counted.verb} of {counted.account}, counted"


def _in_order(policy: str) -> str:
    """The directives of a policy by name: csp keeps them in a set, and their order is another in each process."""
    return "; ".join(sorted(each.strip() for each in policy.split(";")))


def without_what_is_random(content: bytes) -> bytes:
    """The bytes after the rules of RANDOM."""
    for pattern, instead in RANDOM.values():
        content = pattern.sub(instead, content)
    return content


def cells(workbook: bytes) -> bytes:
    """Every cell of a workbook with its format, one a line: the bytes of the archive hold the time of its making."""
    lines = []
    for sheet in load_workbook(io.BytesIO(workbook)):
        lines.append(f"[{sheet.title}] {sheet.freeze_panes} {sheet.auto_filter.ref}")
        for row in sheet.iter_rows():
            for cell in row:
                if cell.value is not None:
                    link = cell.hyperlink.target if cell.hyperlink else None
                    lines.append(
                        f"{cell.coordinate} {cell.value!r} {cell.number_format} {cell.font.b} {link}"
                    )
    return "\n".join(lines).encode()


def signed_in(somebody: Person | None) -> Client:
    """A browser of a person, or a signed-out one."""
    client = Client()
    if somebody is not None:
        client.force_login(somebody)
    return client


def asking(people: Mapping[str, Person | None]) -> Callable[[str], Client]:
    """Gives the browser of each person by name, signed in once."""
    clients = {who: signed_in(somebody) for who, somebody in people.items()}
    return clients.__getitem__


def fix_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that appear in answers and signatures, whatever the environment sets."""
    monkeypatch.setattr(settings, "SECRET_KEY", "golden-bytes-" + "x" * 40)
    monkeypatch.setattr(settings, "PUBLIC_BASE_URL", "https://close.meridian.test")
    monkeypatch.setattr(settings, "DEFAULT_FROM_EMAIL", "Closeboard <closeboard@meridian.test>")

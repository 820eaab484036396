"""Three scenarios for tests of access: the whole group, the same without the foreign entities, one entity.

A person who may see only a part must get the very same bytes in the whole group as in a group with nothing else.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection, reset_queries, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.channels.webhook.channel import new_secret
from alerts.models import Delivery, DeliveryLine, Destination, Notice, Silence
from alerts.routing.recipients import load_audiences
from closing.calendar.days import DateSpan
from closing.facts.period_remarks import OverdueReason
from closing.facts.readings import GapReason, ReadGap
from closing.judging.notice_rules import NoticeKind, NoticeReason
from entities.models import Connection, Group, LegalEntity, Membership, Person, SavedView, WorkCalendar
from entities.view_store import save_view
from periods.board_cache.cache import BOARD_CACHE
from periods.models import FiscalPeriod
from periods.remarks import add_note, set_expected_close, set_overdue_reason
from tests.builders import CLOSED, MAY, MAY_DAYS, ON_HOLD, OPEN, WORKED_EXAMPLE_AT
from tests.db_builders import PASSWORD, SampleGroup, save_sample_group
from tests.sample_entities import NLDT, UKHC, UKRT, USRT, SampleEntity
from tests.scenario_databases import ScenarioDatabases
from tests.worklist.few_close_tasks import keep_support_files, save_few_tasks, save_support
from tests.worklist.work_files import save_file, work
from tests.worklist.work_reads import begin_work, record_facts, two_invoices
from worklist.task_store.role_holders import set_absence

Role = Membership.Role

LKTX = SampleEntity(
    "LKTX", "Lanka Textiles", "LK", "Asia/Colombo", "EUROPE", "Nimal Perera", "2026-06-09", "WD6", ""
)
FOREIGN = (USRT, NLDT, LKTX)
FOREIGN_WORDS = (
    *("USRT", "US Retail", "NLDT", "EU DTC", "LKTX", "Lanka", "usrt", "nldt", "lktx"),
    *("Dana", "Sanne", "Nimal", "EUROPE", "Continental", "AMERICAS", "Americas", "lowlands"),
    *("Colombo", "New York", "Amsterdam", "Sri ", "new warehouse", "Dutch secret"),
)
UK_RETAIL_WORDS = ("UKRT", "UK Retail", "ukrt")

ALONE, UK, WHOLE = "one entity", "the UK", "the whole group"

# --- people ---------------------------------------------------------------------------------------------------------

OWNER, OWNER_OF_ONE, FINANCE = "owner of the UK", "owner of one entity", "finance of the UK"
ADMINISTRATOR, AUDITOR = "administrator of the UK", "auditor of the UK"
NO_ROLE, OF_ALL, SUPERUSER = "without a role", "finance of the group", "superuser"
SIGNED_OUT, SWITCHED_OFF = "signed out", "switched off"

# the largest scenario that each person may see
SEES = {
    OWNER: UK,
    OWNER_OF_ONE: ALONE,
    FINANCE: UK,
    ADMINISTRATOR: UK,
    AUDITOR: UK,
    NO_ROLE: ALONE,
    OF_ALL: WHOLE,
    SUPERUSER: WHOLE,
}
SIGNED_IN = tuple(SEES)
OUTSIDE = (SIGNED_OUT, SWITCHED_OFF)
CURIOUS = FINANCE  # sends every request; the others of the UK see the same entities
EVERYBODY = (*SIGNED_IN, *OUTSIDE)
# Of a part, of one entity, of all, of nothing, and from outside: the others differ by what they may do.
ONE_OF_A_KIND = (FINANCE, OWNER_OF_ONE, OF_ALL, NO_ROLE, SIGNED_OUT)
WRITING = (OWNER_OF_ONE, FINANCE, ADMINISTRATOR, OF_ALL, SUPERUSER)
READING = (OWNER, AUDITOR)
_ROLES = {
    OWNER: (Role.OWNER, "UK"),
    OWNER_OF_ONE: (Role.OWNER, ""),
    FINANCE: (Role.FINANCE, "UK"),
    ADMINISTRATOR: (Role.ADMINISTRATOR, "UK"),
    AUDITOR: (Role.AUDITOR, "UK"),
    OF_ALL: (Role.FINANCE, "MERIDIAN"),
    SWITCHED_OFF: (Role.FINANCE, "MERIDIAN"),
}


@dataclass
class AccessScenario:
    """A saved group and its people; `views` holds a saved view of each, `foreign_note` is on EU DTC BV."""

    name: str
    group: SampleGroup
    people: dict[str, Person]
    views: dict[str, SavedView] = field(default_factory=dict)
    foreign_note: int = 0
    _sessions: dict[str, str] = field(default_factory=dict)

    def view_of(self, who: str) -> SavedView:
        """The saved view of a person; any saved view for a person who is signed out."""
        return self.views[who if who in self.views else NO_ROLE]

    def client(self, who: str, *, careful: bool = False) -> Client:
        """A browser of a person; `careful` checks CSRF tokens as a real one does."""
        client = Client(enforce_csrf_checks=careful, raise_request_exception=False)
        if who in self._sessions:
            client.cookies[settings.SESSION_COOKIE_NAME] = self._sessions[who]
        elif who in self.people:
            client.force_login(self.people[who])
        return client

    def sign_in(self, who: str) -> None:
        """Give all later browsers of a person one session, for requests that are rolled back."""
        client = self.client(who)
        if who in self.people:
            self._sessions[who] = client.cookies[settings.SESSION_COOKIE_NAME].value


def upload_uid(who: str) -> UUID:
    """The id of the file that a person sent; that of somebody without a role for a person who is signed out."""
    return uuid5(NAMESPACE_URL, f"file of {who if who in SEES else NO_ROLE}")


def build(name: str) -> AccessScenario:
    """Save a scenario with reads up to 12 June 2026 and every kind of problem at the foreign entities."""
    _number_from_one()
    cast = {ALONE: (UKHC,), UK: (UKHC, UKRT), WHOLE: (UKHC, UKRT, *FOREIGN)}[name]
    group = save_sample_group(cast)
    if name != WHOLE:
        Group.objects.filter(code__in=["EUROPE", "AMERICAS"]).delete()
    people = {}
    for who in (*SIGNED_IN, SWITCHED_OFF):
        email = f"{who.replace(' ', '.')}@meridian.test"
        people[who] = Person.objects.create_user(
            email, PASSWORD, name=who.title(), is_superuser=who == SUPERUSER
        )
        if who in _ROLES:
            role, code = _ROLES[who]
            place = {"group": Group.objects.get(code=code)} if code else {"entity": group.entities["UKHC"]}
            Membership.objects.create(person=people[who], role=role, **place)
    world = AccessScenario(name, group, people)
    for who, somebody in people.items():
        world.views[who] = save_view(somebody, "my late ones", "board", "show=late")
    _read(world)
    people[SWITCHED_OFF].is_active = False
    people[SWITCHED_OFF].save()
    add_note(people[FINANCE], "UKHC", MAY, "waiting for the bank", WORKED_EXAMPLE_AT)
    _tell()
    _make_places()
    _silence(people[ADMINISTRATOR])
    for who in SIGNED_IN:
        save_file(people[who], upload_uid(who), WORKED_EXAMPLE_AT, work("UKHC", As_of="2026-06-02"))
    top, uk = (Group.objects.get(code=code) for code in ("MERIDIAN", "UK"))
    save_few_tasks(top, people[FINANCE], people[ADMINISTRATOR], uk, WORKED_EXAMPLE_AT)
    for code in ("UKHC", "NLDT"):
        if code in group.entities:
            save_support(code, people[FINANCE], WORKED_EXAMPLE_AT)
    first, last = date(2026, 7, 20), date(2026, 7, 24)
    for away, deputy in ((FINANCE, ADMINISTRATOR), (OF_ALL, SUPERUSER)):
        set_absence(people[away], people[deputy], first, last, WORKED_EXAMPLE_AT)
    if name == WHOLE:
        _make_foreign_trouble(world)
    return world


def one_entity() -> AccessScenario:
    return build(ALONE)


def the_uk() -> AccessScenario:
    return build(UK)


def the_whole_group() -> AccessScenario:
    return build(WHOLE)


# The databases of a run are named after them.
BUILDERS = {ALONE: one_entity, UK: the_uk, WHOLE: the_whole_group}


def place_of(code: str) -> UUID:
    """The id of the destination of a group, the same in every scenario."""
    return uuid5(NAMESPACE_URL, code)


def _make_places() -> None:
    """Save a destination of the UK, and one of Europe where that group exists."""
    for group in Group.objects.filter(code__in=["UK", "EUROPE"]).order_by("code"):
        place = Destination(
            uid=place_of(group.code),
            name=f"{group.name} close",
            kind="webhook",
            group=group,
            kinds=[NoticeKind.ALERT.value],
            host="127.0.0.1:9",
            made_at=WORKED_EXAMPLE_AT,
        )
        place.url, place.secret = "http://127.0.0.1:9/in", new_secret()
        place.save()


def _silence(by: Person) -> None:
    """Silence UK HoldCo, and EU DTC BV where it exists."""
    for code in ("UKHC", "NLDT"):
        entity = LegalEntity.objects.filter(code=code).first()
        if entity is not None:
            Silence.objects.create(
                entity=entity,
                last_day=date(2026, 6, 18),
                reason="the auditors have the books",
                by=by,
                made_at=WORKED_EXAMPLE_AT,
            )


def _number_from_one() -> None:
    """Restart all ids from one: ids appear in addresses, so rows of both scenarios must have the same ids."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sequencename FROM pg_sequences WHERE sequencename ~ '^(infra|entities|periods|worklist|alerts)_'"
        )
        for (sequence,) in cursor.fetchall():
            cursor.execute(f'ALTER SEQUENCE "{sequence}" RESTART WITH 1')


def _read(world: AccessScenario) -> None:
    here = world.group.entities
    april = DateSpan(MAY_DAYS.first.replace(month=4), MAY_DAYS.first.replace(month=4, day=30))
    said = dict.fromkeys(here, OPEN)
    world.group.read("2026-05-06 12:00", said, span=april)
    closed = dict.fromkeys(here, CLOSED)
    world.group.read("2026-05-08 12:00", closed, span=april)
    reopened = {code: OPEN if code == "NLDT" else CLOSED for code in here}
    world.group.read("2026-05-28 12:00", reopened, span=april)
    for at, code, facts in (
        ("2026-06-01 12:00", "UKHC", OPEN),
        ("2026-06-05 12:00", "UKHC", OPEN),
        ("2026-06-05 16:05", "UKHC", CLOSED),
        ("2026-06-10 16:00", "UKHC", CLOSED),
        ("2026-06-10 19:05", "USRT", ON_HOLD),
        ("2026-06-12 11:58", "UKHC", CLOSED),
    ):
        said = {each: facts if each == code else before for each, before in said.items()}
        missing = (
            [ReadGap("lktx", GapReason.NO_ACCESS, "Lanka Textiles refuses us.")] if "LKTX" in said else []
        )
        seen = {each: facts for each, facts in said.items() if each != "LKTX" or at < "2026-06-10"}
        world.group.read(at, seen, gaps=missing if len(seen) < len(said) else [])
    attempt = begin_work(world.group.connection, "2026-06-12 11:50")
    record_facts(attempt, [two_invoices(code, attempt.started_at) for code in here if code != "LKTX"])


def _tell() -> None:
    """Save for each entity's May a notice and one failed message to everybody who may see the entity."""
    for period in FiscalPeriod.objects.filter(reporting_month=MAY).order_by("pk"):
        notice = Notice.objects.create(
            kind=NoticeKind.ALERT.value,
            period=period,
            episode=1,
            reason=NoticeReason.PAST_THE_LINE.value,
            raised_at=WORKED_EXAMPLE_AT,
            state=period.state,
            days_late=6,
            fresh=True,
        )
        told = load_audiences([period.entity_id])[period.entity_id].members
        for person in Person.objects.filter(pk__in=told).order_by("pk"):
            delivery = Delivery.objects.filter(recipient=person).first() or Delivery.objects.create(
                recipient=person,
                made_at=WORKED_EXAMPLE_AT,
                due_at=WORKED_EXAMPLE_AT,
                message_id=f"<{person.pk}@closeboard>",
                state=Delivery.State.PARKED,
                ended_at=WORKED_EXAMPLE_AT,
                words="The mail server said 550 no such mailbox",
            )
            DeliveryLine.objects.create(delivery=delivery, notice=notice, recipient=person)


def _make_foreign_trouble(world: AccessScenario) -> None:
    """Save a connection of the foreign entities, a calendar that runs out, and their remarks."""
    WorkCalendar.objects.filter(code="LK").update(name="Sri Lanka")  # its holidays end with 2026: a warning
    lowlands = Connection.objects.create(
        name="lowlands-bc",
        kind="business_central",
        base_url="https://api.businesscentral.dynamics.com",
        tenant="lowlands",
        client_id="simulator",
    )
    by = world.people[OF_ALL]
    set_expected_close(by, "NLDT", MAY, date(2026, 6, 19), "Dutch secret", WORKED_EXAMPLE_AT)
    set_overdue_reason(by, "NLDT", MAY, OverdueReason.LATE_INVOICES, "Dutch secret", WORKED_EXAMPLE_AT)
    world.foreign_note = add_note(by, "NLDT", MAY, "Dutch secret", WORKED_EXAMPLE_AT).pk
    LegalEntity.objects.filter(code="NLDT").update(connection=lowlands)


# --- requests -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """A response: `body` is text without random parts, `wrote` holds the statements that write."""

    status: int
    headers: Mapping[str, str]
    body: str
    wrote: Sequence[str] = ()

    @property
    def to_login(self) -> bool:
        return self.status == 302 and self.headers.get("Location", "").startswith("/login/")


_TOKEN = re.compile(r"\b[A-Za-z0-9]{64}\b")
_WRITING_WORDS = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "CREATE", "ALTER", "COPY")
_WRITES = re.compile(r"\b(INSERT INTO|UPDATE\s+\S+\s+SET|DELETE FROM|TRUNCATE|CREATE|ALTER|COPY)\b", re.I)
# Of the shown period in an address, and of a person in the audit log: what is foreign has ids too.
_ROW_IDS = (re.compile(r"(seen=)\d+(?=-)"), re.compile(r"(,person,)\d+(?=,)"))
_DIFFER = {"Content-Length", "Set-Cookie", "Expires"}  # and reveal nothing
_SECRET = "s" * 32  # CSRF token of the cookie and the form, without its mask


def look(client: Client, url: str, *, htmx: bool = False) -> Answer:
    """Send a GET while the database refuses to be written to."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL transaction_read_only = on")
        answer = _asked(lambda: client.get(url, headers={"HX-Request": "true"} if htmx else {}))
        transaction.set_rollback(True)
    return answer


def send(client: Client, url: str, data: Mapping[str, str], *, token: bool) -> Answer:
    """Send a POST, with or without the token of its form; its writes are rolled back."""
    if token:
        client.cookies[settings.CSRF_COOKIE_NAME] = _SECRET
        data = {**data, "csrfmiddlewaretoken": _SECRET}
    with transaction.atomic():
        answer = _asked(lambda: client.post(url, data))
        transaction.set_rollback(True)
    if answer.wrote:
        BOARD_CACHE.clear()  # the cache may hold changes that are now rolled back
    return answer


def _may_write(statement: str) -> bool:
    """Whether a statement has one of the words of _WRITES, which is found six times as fast."""
    upper = statement.upper()
    return any(word in upper for word in _WRITING_WORDS)


def _asked(request: Callable[[], Any]) -> Answer:
    reset_queries()
    with CaptureQueriesContext(connection) as ran:
        response = request()
        body = _body(response)
    for row_id in _ROW_IDS:
        body = row_id.sub(r"\1ID", body)
    wrote = [each["sql"] for each in ran if _may_write(each["sql"]) and _WRITES.search(each["sql"])]
    headers = {name: value for name, value in response.headers.items() if name not in _DIFFER}
    return Answer(response.status_code, headers, _TOKEN.sub("TOKEN", body), wrote)


def _body(response: Any) -> str:
    """The text of a response; of a workbook all its parts except the one with its creation time."""
    content: bytes = b"".join(response) if response.streaming else response.content
    if content[:2] != b"PK":
        return content.decode()
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        parts = [name for name in book.namelist() if name != "docProps/core.xml"]
        return "\n".join(f"{name}\n{book.read(name).decode(errors='replace')}" for name in parts)


@contextmanager
def world(name: str, stories: ScenarioDatabases) -> Iterator[AccessScenario]:
    """A copy of the run's database of a scenario, dropped afterwards, at noon of 12 June 2026."""
    with pytest.MonkeyPatch.context() as patch, stories.copied(BUILDERS[name]) as scenario:
        patch.setattr("board.web.board_request.now", lambda: WORKED_EXAMPLE_AT)
        cache.clear()
        keep_support_files()
        yield scenario
    cache.clear()

"""The words for events of the audit log: acts, origins, actors, objects, and values before and after."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from board.web import labels
from board.web.readers import Reader
from closing.calendar.date_phrases import full_date, month_and_year
from closing.calendar.months import parse_month
from entities.audit_trail import Verb
from infra.models import AuditEvent

ORIGIN_LABELS = {
    "page": "Page",
    "link": "Link in a mail",
    "command": "Command",
    "task": "Scheduled task",
    "program": "Closeboard",
}
_ACTOR_KINDS = {"operator": "operator of the server", "system": "by itself", "unknown": ""}
# The first part of a verb: the heading of its acts in the filter.
VERB_HEADINGS = {
    **dict.fromkeys(("person", "role"), "People"),
    **dict.fromkeys(("group", "calendar", "connection", "entity", "closing_rates", "group_file"), "Set-up"),
    **dict.fromkeys(("policy", "deadline", "period"), "Deadlines and months"),
    "remark": "Remarks",
    **dict.fromkeys(
        ("task", "task_template", "task_role", "task_deputy", "carried", "work", "blocker_policy"),
        "Close tasks",
    ),
    "silence": "Silences",
    **dict.fromkeys(("destination", "alert_policy", "preferences"), "Notifications"),
    "view": "Saved views",
    **dict.fromkeys(("sending", "alerts", "demo", "installation"), "Operation"),
    "audit": "Audit log",
}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MONTH = re.compile(r"\d{4}-\d\d")
_STORED_WORD = re.compile(r"[a-z]+(_[a-z]+)+")  # as "late_invoices"
_SHORT_VALUES, _SHORT_TEXT = 3, 140  # values and letters that a row shows unfolded


@dataclass(frozen=True, slots=True)
class ChangedValue:
    """One value of an event in words; `before` or `after` is None where the event has none."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event of the page in words; `folded` is the line above values that are too long to show at once."""

    at: str
    at_iso: str
    act: str
    actor: str
    actor_note: str
    origin: str
    object: str
    object_note: str
    object_url: str
    values: list[ChangedValue]
    folded: str
    reason: str
    sealed: bool


def event_line(event: AuditEvent, object_url: str, reader: Reader, as_of: datetime) -> EventLine:
    """The words of one event at the moment of the request; `object_url` is "" for an object without a page."""
    values = list(_values(event, reader))
    letters = sum(len(value.before or "") + len(value.after or "") for value in values)
    long = len(values) > _SHORT_VALUES or letters > _SHORT_TEXT
    kind = event.object_kind.replace("_", " ")
    own = event.object_kind == "person" and event.object_id == str(event.actor_id)  # the actor says it
    code = event.object_id if event.object_id != event.object and not event.object_id.isdigit() else ""
    return EventLine(
        at=labels.clock(event.at, reader.zone, as_of),
        at_iso=labels.iso(event.at) or "",
        act=Verb(event.verb).label if event.verb in Verb.values else event.verb,
        actor=event.actor,
        actor_note=_ACTOR_KINDS.get(event.actor_kind, ""),
        origin=ORIGIN_LABELS.get(event.through, event.through),
        object="" if own else event.object or event.object_id,
        object_note=f"{kind} {code}".strip(),
        object_url=object_url,
        values=values,
        folded=f"{len(values)} {'value' if len(values) == 1 else 'values'}" if long else "",
        reason=event.reason,
        sealed=event.seal is not None,
    )


def _values(event: AuditEvent, reader: Reader) -> Iterator[ChangedValue]:
    before: Mapping[str, object] = event.before or {}
    after: Mapping[str, object] = event.after or {}
    for name in {**before, **after}:
        texts = [
            _text(_month(name, values[name]), reader) if name in values else None
            for values in (before, after)
        ]
        yield ChangedValue(_name(name), *texts)


def _month(name: str, value: object) -> object:
    """A first of month as its month, where the name says that it is one."""
    is_month = name.endswith("month") and isinstance(value, str) and _DATE.fullmatch(value)
    return str(value)[:7] if is_month else value


def _name(key: str) -> str:
    words = key.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _text(value: object, reader: Reader) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case _ if value in (None, "", [], {}):
            return "none"
        case list():
            texts = [_text(item, reader) for item in value]
            return ("; " if any("," in text for text in texts) else ", ").join(texts)
        case dict():
            return "; ".join(f"{_name(key).lower()}: {_text(item, reader)}" for key, item in value.items())
        case str():
            return _moment_or_text(value, reader)
        case _:
            return str(value)


def _moment_or_text(text: str, reader: Reader) -> str:
    """An instant, date, month or stored word in words; any other text as it is."""
    try:
        if _INSTANT.fullmatch(text):
            return labels.moment_in_full(datetime.fromisoformat(text), reader.zone)
        if _DATE.fullmatch(text):
            return full_date(date.fromisoformat(text))
        if _MONTH.fullmatch(text):
            return month_and_year(parse_month(text))
    except ValueError:
        pass
    return text.replace("_", " ") if _STORED_WORD.fullmatch(text) else text

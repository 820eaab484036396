"""The shape of each section of a group file, and the parsers of its scalars, which all arrive as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import date, time
from functools import partial
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict

from closing.calendar.months import parse_month
from closing.facts.base import FACT_KINDS
from closing.judging.standing import LatenessUnit
from entities.models import CODE_PATTERN, Membership
from periods.group_file.spellings import country_problem, zone_problem
from periods.models import PolicyVersion

_T = TypeVar("_T")
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
LATENESS_UNITS = {"calendar": LatenessUnit.CALENDAR_DAYS.value, "working": LatenessUnit.WORKING_DAYS.value}


def _text(text: str, longest: int) -> str:
    if len(text) > longest:
        raise ValueError(f"has more than {longest} letters")
    if not text.strip():
        raise ValueError("must not be empty")
    return text.strip()


def _matching(text: str, pattern: str, longest: int, what: str) -> str:
    if not re.fullmatch(pattern, text) or len(text) > longest:
        raise ValueError(f"{text!r} is not {what}")
    return text


def _code(text: str) -> str:
    what = "a code: capital letters, digits, - and _, at most 40, none of - and _ first"
    return _matching(text, CODE_PATTERN, 40, what)


def _connection_name(text: str) -> str:
    return _matching(text, "[A-Za-z0-9_-]+", 60, "a connection name: letters, digits, - and _, at most 60")


def _without(text: str, problem: Callable[[str], str | None]) -> str:
    if why := problem(text):
        raise ValueError(why)
    return text


_country, _zone = partial(_without, problem=country_problem), partial(_without, problem=zone_problem)


def _country_of_holidays(text: str) -> str:
    """Two capital letters; whether their holidays are known is said beside the subdivision."""
    return text if re.fullmatch(r"[A-Z]{2}", text) else _country(text)


def _email(text: str) -> str:
    return _matching(text, r"[^@\s]+@[^@\s]+\.[^@\s.]+", 254, "an e-mail address").lower()


def _date_like(text: str, parse: Callable[[str], date], kind: str, example: str) -> date:
    try:
        return parse(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a {kind}; a {kind} is written like {example}") from None


_day = partial(_date_like, parse=date.fromisoformat, kind="date", example="2026-06-11")
_month = partial(_date_like, parse=parse_month, kind="month", example="2026-05")


def _clock(text: str) -> time:
    if match := re.fullmatch(r"(\d{1,2}):(\d{2})", text, re.ASCII):
        hour, minute = int(match[1]), int(match[2])
        if hour < 24 and minute < 60:
            return time(hour, minute)
    raise ValueError(f"{text!r} is not a time of day; it is written like 18:00")


def _cut_off(text: str) -> time:
    if re.fullmatch(r"0?0:00|24:00", text, re.ASCII):
        raise ValueError(
            f"{text!r} would be the first moment of the due day or of the next one; leave `cut_off` out for the end"
            " of the due day, or write 23:59"
        )
    return _clock(text)


def _seconds(text: str) -> int:
    match = re.fullmatch(r"(\d{1,6})\s*(s|m|h)", text, re.ASCII)
    if match is None:
        raise ValueError(f"{text!r} is not a length of time; it is written like 30s, 5m or 1h")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def whole_number(text: str, low: int, high: int) -> int:
    """The whole number that a text writes; raises ValueError for any other text."""
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII) or not low <= int(text) <= high:
        raise ValueError(f"{text!r} is not a whole number from {low} to {high}")
    return int(text)


def _yes_or_no(text: str) -> bool:
    if text.lower() not in ("true", "false", "yes", "no"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() in ("true", "yes")


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or len(text) > 300:
        raise ValueError(f"{text!r} is not a web address such as https://contoso.operations.dynamics.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a plain web address: no user, no password, nothing after ? or #")
    return text.rstrip("/")


def one_of(text: str, words: Collection[str]) -> str:
    """The text, which must be one of these words; raises ValueError for another."""
    if text not in words:
        raise ValueError(f"{text!r} is not one of {', '.join(words)}")
    return text


def _weekday(text: str) -> int:
    return WEEKDAYS.index(one_of(text.lower(), WEEKDAYS))


def _unit(text: str) -> str:
    return LATENESS_UNITS[one_of(text, LATENESS_UNITS)]


def parse_rule(text: str) -> tuple[str, int]:
    """The kind of a rule and its number from words, those of the screens ("WD6", "day 10", "15th") among them."""
    phrase = " ".join(text.lower().split()).removeprefix("the ").removesuffix(" after period end")
    number = r"(\d{1,3})(?:st|nd|rd|th)?"
    for kind, pattern in (
        (PolicyVersion.Rule.WORKDAY, rf"{number} working days?|(?:working day|wd) ?\+?(\d{{1,3}})"),
        (PolicyVersion.Rule.CALENDAR_DAY, rf"{number} calendar days?|(?:calendar )?day (\d{{1,3}})"),
        (
            PolicyVersion.Rule.DAY_OF_MONTH,
            rf"{number} (?:day )?of the (?:next )?month|(\d{{1,2}})(?:st|nd|rd|th)",
        ),
    ):
        if match := re.fullmatch(pattern, phrase, re.ASCII):
            return kind.value, int(next(group for group in match.groups() if group))
    raise ValueError(
        f'{text!r} is not a rule; it reads like "6th working day", "10 calendar days" or "15th of the month"'
    )


def _parsed(value: object, read: Callable[[str], _T]) -> _T:
    if value is None:
        raise ValueError("must not be empty")
    if not isinstance(value, str):
        raise ValueError("must be a single value")
    return read(value)


def required(read: Callable[[str], _T]) -> BeforeValidator:
    """A validator of a required value."""
    return BeforeValidator(lambda value: _parsed(value, read))


def optional(read: Callable[[str], _T], empty: str | None = None) -> BeforeValidator:
    """A validator of an optional value; one that is left empty becomes `empty`."""
    return BeforeValidator(lambda value: empty if value is None or value == "" else _parsed(value, read))


Code = Annotated[str, required(_code)]
Name = Annotated[str, required(partial(_text, longest=200))]
ShortText = Annotated[str, required(partial(_text, longest=100))]
LongText = Annotated[str, required(partial(_text, longest=2000))]
Reference = Annotated[str, required(partial(_text, longest=254))]
MaybeCode = Annotated[str | None, optional(_code)]
MaybeName = Annotated[str, optional(partial(_text, longest=200), "")]
MaybeShort = Annotated[str, optional(partial(_text, longest=100), "")]
MaybeReference = Annotated[str | None, optional(partial(_text, longest=254))]
MaybeEmail = Annotated[str | None, optional(_email)]
MaybeCutOff = Annotated[time | None, optional(_cut_off)]
MaybeDay = Annotated[date | None, optional(_day)]
MaybeNumber = Annotated[int | None, optional(partial(whole_number, low=0, high=99))]
MaybeYesNo = Annotated[bool | None, optional(_yes_or_no)]
Day = Annotated[date, required(_day)]
Month = Annotated[date, required(_month)]
MaybeMonth = Annotated[date | None, optional(_month)]
Zone = Annotated[str, required(_zone)]
MaybeZone = Annotated[str | None, optional(_zone)]
Seconds = Annotated[int, required(_seconds)]
WebAddress = Annotated[str, required(_address)]


class GroupFileItem(BaseModel):
    """One item of a section; `model_fields_set` holds the keys that the file gives for it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class GroupItem(GroupFileItem):
    code: Code
    name: Name
    parent: MaybeReference = None


class DayItem(GroupFileItem):
    day: Day
    name: MaybeName = ""


class CalendarItem(GroupFileItem):
    code: Code
    name: Name
    country: Annotated[str, optional(_country_of_holidays, "")] = ""
    subdivision: Annotated[str, optional(partial(_text, longest=10), "")] = ""
    weekend: list[Annotated[int, required(_weekday)]] | None = None
    holiday_categories: list[Annotated[str, required(partial(_text, longest=40))]] | None = None
    days_off: list[DayItem] = []
    working_days: list[DayItem] = []


def _journal_template(text: str) -> str:
    if not re.fullmatch(r"\S(.{0,8}\S)?", text):
        raise ValueError(
            f"{text!r} is not the name of a journal template: at most 10 characters, such as GENERAL"
        )
    return text.upper()


class ConnectionItem(GroupFileItem):
    name: Annotated[str, required(_connection_name)]
    kind: Annotated[str, required(partial(one_of, words=FACT_KINDS))]
    base_url: WebAddress
    tenant: ShortText
    client_id: ShortText
    authority: WebAddress = "https://login.microsoftonline.com"
    environment: MaybeShort = ""
    secret: MaybeReference = None
    secret_env: MaybeShort = ""
    journal_templates: list[Annotated[str, required(_journal_template)]] = []
    interval: Seconds = 300
    stale_after: Seconds = 900
    paused: Annotated[bool, required(_yes_or_no)] = False


class RoleItem(GroupFileItem):
    role: Annotated[str, required(partial(one_of, words=Membership.Role.values))]
    group: MaybeReference = None
    entity: MaybeReference = None


class PersonItem(GroupFileItem):
    email: Annotated[str, required(_email)]
    name: Name
    zone: Zone = "Europe/London"
    password: MaybeReference = None
    roles: list[RoleItem] = []


class EntityItem(GroupFileItem):
    code: Code
    name: Name
    country: Annotated[str, required(_country)]
    zone: Zone
    group: Reference
    calendar: Reference
    owner: MaybeEmail = None
    deputy: MaybeEmail = None
    connection: MaybeReference = None
    erp_id: MaybeShort = ""
    active_from: MaybeDay = None
    active_to: MaybeDay = None
    year_end_month: Annotated[int, required(partial(whole_number, low=1, high=12))] = 12


class PolicyItem(GroupFileItem):
    """A policy; choices that it leaves out come from the policy above."""

    group: MaybeReference = None
    entity: MaybeReference = None
    code: MaybeCode = None
    name: MaybeName = ""
    rule: Annotated[tuple[str, int] | None, optional(parse_rule)] = None
    working_day: MaybeNumber = None
    calendar_days: MaybeNumber = None
    day_of_month: MaybeNumber = None
    first_working_day_is: Annotated[int | None, optional(partial(whole_number, low=0, high=1))] = None
    quarter_end: MaybeNumber = None
    year_end: MaybeNumber = None
    cut_off: MaybeCutOff = None
    alert_after_days: MaybeNumber = None
    days: Annotated[str | None, optional(_unit)] = None
    on_hold_counts_as_closed: MaybeYesNo = None
    ledger_restricted_means_on_hold: MaybeYesNo = None
    overdue_reason_required: MaybeYesNo = None


class AgreedDateItem(GroupFileItem):
    entity: Reference
    month: Month
    due_on: Day
    cut_off: MaybeCutOff = None
    reason: LongText
    agreed_by: Name


class ReportingMonthItem(GroupFileItem):
    """The reporting month of one period, named by its last day; without a month the rule decides again."""

    entity: Reference
    period_ends: Day
    month: MaybeMonth = None

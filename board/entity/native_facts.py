"""Builds the facts card: the ERP's facts about a period, word for word, and the rule that gave its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit

from board.web import labels
from board.web.readers import Reader
from closing.calendar.date_phrases import full_date, weekday_and_day
from closing.calendar.instants import local_date, zone_named
from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.finops_facts import FinopsFacts
from closing.judging.states import DerivedState, derive_state, module_name
from closing.scoreboard.row import Row
from entities.models import Connection

# Modules in the order of the ERP's own form; further modules of an environment follow.
MODULES = (
    *("Ledger", "Tax", "Bank", "Cust", "Vend", "Sales", "Purch", "Invent"),
    *("Prod", "Project", "FixedAssets", "Payroll", "Expense", "FixedAssets_RU", "Retail", "ITM"),
)
_MARGIN = timedelta(days=62)  # time that the drawing shows before and after a period
_MAX_DISTANCE = timedelta(days=200)  # a bound farther away lies outside the drawing
_MICROSOFT_DOMAINS = ("dynamics.com", "dynamics.cn", "microsoftdynamics.us", "microsoftdynamics.de")
_RULES = {
    "F&O-1": "Period status Open, no module restricted: Open.",
    "F&O-2": "Period status Open, some modules restricted: Open.",
    "F&O-2 by policy": "Period status Open, Ledger module restricted: On hold, by policy.",
    "F&O-3": "Period status On hold: On hold, whatever the modules say.",
    "F&O-4": "Period status Permanently closed: Closed.",
    "F&O-5": "No status, or one that is not understood: Unknown.",
    "BC-1": "Posting is allowed only after the period: Closed.",
    "BC-2": "Posting is allowed only before the period, which has not ended: Not started.",
    "BC-3": "Posting is allowed only before the period, which has ended: Closed.",
    "BC-4": "Posting is allowed on all days of the period: Open.",
    "BC-5": "Posting is allowed on some days of the period: On hold.",
    "BC-6": "Allow Posting From and To are both blank: Open.",
    "BC-8": "The posting range ends before it begins: Unknown.",
}
_FLAGS = {
    "permanent": "Finance & Operations cannot reopen this period.",
    "window_before_period": "Posting is not allowed in the period yet: check the range.",
    "unrestricted_or_formula": "If a date formula is in force, the API does not show it.",
    "from_blank_or_formula": "The blank start is no limit, or a date formula that the API does not show.",
    "to_blank_or_formula": "The blank end is no limit, or a date formula that the API does not show.",
    "window_reversed": "Business Central refuses such a range, so no state follows from it.",
    "assumed_end": "No accounting period with an end covers these days, so they are judged as a calendar month."
    " Create the fiscal year in Business Central.",
}


@dataclass(frozen=True, slots=True)
class ModuleAccess:
    """One module's access: the ERP's value, the user group, and a kind (all, user, none, strange, untold)."""

    name: str
    word: str
    group: str
    kind: str


@dataclass(frozen=True, slots=True)
class DrawnRange:
    """A bar of the drawing in percent of its width; an open end runs to the edge."""

    x: str
    width: str
    open_left: bool = False
    open_right: bool = False


@dataclass(frozen=True, slots=True)
class PostingWindowDrawing:
    """The posting range drawn against the period; `allowed` is None if the range lies outside the drawing."""

    period: DrawnRange
    allowed: DrawnRange | None
    today: str  # percent, "" if outside the drawing
    period_words: str
    allowed_words: str
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class FactsCard:
    """The values of the card; `modules` or `window` by the kind of ERP, neither without facts."""

    period: str
    days: str
    status: str
    modules: Sequence[ModuleAccess]
    window: PostingWindowDrawing | None
    state: str
    because: str
    rule: str
    rule_words: str
    explanations: Sequence[str]
    seen: str
    read: str
    read_at: str
    stale: bool
    trouble: str


def facts_card(
    row: Row, year: str, as_of: datetime, reader: Reader, *, ledger_restricted_means_on_hold: bool
) -> FactsCard:
    """The card of a row whose period is known."""
    assert row.span is not None
    facts = row.native_facts
    zone = zone_named(row.zone)
    derived: DerivedState | None = None
    if facts is not None and row.read_at is not None:
        derived = derive_state(
            row.span,
            facts,
            today=local_date(row.read_at, zone),
            ledger_restricted_means_on_hold=ledger_restricted_means_on_hold,
        )
    explanations = [_FLAGS[flag] for flag in (derived.flags if derived else ()) if flag in _FLAGS]
    agrees = derived is not None and (derived.state is row.state or row.standing.stopped_early)
    if derived is not None and not agrees:
        explanations.append(
            f"By the policy of today this would be {labels.STATE_LABELS[derived.state]} ({derived.rule});"
            " it applies from the next reading."
        )
    if facts is None:
        explanations.append("The ERP no longer lists this period.")
    name = row.period_name if year and year in row.period_name else f"{row.period_name}, {year}".rstrip(", ")
    finops = facts if isinstance(facts, FinopsFacts) else None
    return FactsCard(
        period=name,
        days=_days_of(row.span.first, row.span.last),
        status=_display_value(finops.status) if finops else "",
        modules=_modules(finops) if finops else (),
        window=_window(row, facts, as_of) if isinstance(facts, PostingWindowFacts) else None,
        state=labels.state_label(row),
        because=_because(row),
        rule=derived.rule if derived is not None and agrees else "",
        rule_words=_RULES.get(derived.rule, "") if derived is not None else "",
        explanations=explanations,
        seen=_seen_text(row, as_of, reader),
        read=labels.clock(row.read_at, reader.zone, as_of) if row.read_at is not None else "",
        read_at=labels.iso(row.read_at) or "",
        stale=not row.fresh,
        trouble=row.read_error,
    )


def _because(row: Row) -> str:
    """What follows the state in the card: ", because no module is restricted."."""
    return f", because: {row.because.rstrip('.')}." if row.because else "."


def _days_of(first: date, last: date) -> str:
    start = (
        labels.short_date(first) if first.year == last.year else f"{labels.short_date(first)} {first.year}"
    )
    return f"{start} – {labels.short_date(last)} {last.year}"


def _display_value(value: str | None) -> str:
    """The ERP's own value, quoted if it is empty or has blanks at its ends."""
    if value is None:
        return "no status row"
    return value if value.strip() == value and value else f'"{value}"'


def _seen_text(row: Row, as_of: datetime, reader: Reader) -> str:
    """The reads between which this state began."""
    if row.seen_between is None:
        return ""
    before, seen = row.seen_between
    seen_at = labels.clock(seen, reader.zone, as_of)
    if before is None:
        return f"It was {labels.state_label(row).lower()} when first read, {seen_at}."
    read_before = labels.clock(before, reader.zone, as_of)
    return f"Seen at {seen_at}." if read_before == seen_at else f"Seen between {read_before} and {seen_at}."


def _modules(facts: FinopsFacts) -> list[ModuleAccess]:
    names = [*MODULES, *sorted(set(facts.access) - set(MODULES))]
    return [_module(name, facts) for name in names]


def _module(name: str, facts: FinopsFacts) -> ModuleAccess:
    label, group = module_name(name), facts.user_groups.get(name, "")
    if name not in facts.access:
        return ModuleAccess(label, "no answer", "", "untold")
    match facts.access[name]:
        case None:
            return ModuleAccess(label, "blank", "as All", "all")
        case "All":
            return ModuleAccess(label, "All", "", "all")
        case "None":
            return ModuleAccess(label, "None", "", "none")
        case "User":
            return ModuleAccess(label, "User", group or "group not named", "user")
        case value:
            return ModuleAccess(label, _display_value(value), "not understood", "strange")


# --- the posting window -------------------------------------------------------------------------------------------


def _window(row: Row, facts: PostingWindowFacts, as_of: datetime) -> PostingWindowDrawing:
    assert row.span is not None
    first, last = row.span.first, row.span.last
    lower, upper = facts.allowed_from, facts.allowed_to
    near = [
        day
        for day in (lower, upper)
        if day is not None and first - _MAX_DISTANCE <= day <= last + _MAX_DISTANCE
    ]
    left = min([first - _MARGIN, *(day - timedelta(days=14) for day in near)])
    right = max([last + _MARGIN, *(day + timedelta(days=14) for day in near)])
    width = (right - left).days

    def at(day: date) -> float:
        return round(100 * min(max((day - left).days, 0), width) / width, 2)

    def bar(begin: date | None, end: date | None) -> DrawnRange | None:
        x = 0.0 if begin is None else at(begin)
        right_edge = 100.0 if end is None else at(end + timedelta(days=1))
        if right_edge <= x:
            return None
        return DrawnRange(
            f"{x:g}%", f"{right_edge - x:g}%", begin is None or begin < left, end is None or end > right
        )

    period = bar(first, last)
    assert period is not None
    today = local_date(as_of, zone_named(row.zone))
    return PostingWindowDrawing(
        period=period,
        allowed=bar(lower, upper),
        today=f"{at(today):g}%" if left <= today <= right else "",
        period_words=_days_of(first, last),
        allowed_words=_range(lower, upper),
        facts=[
            ("Allow Posting From", _bound(lower)),
            ("Allow Posting To", _bound(upper)),
            ("Fiscal year closed", "yes" if facts.year_closed else "no"),
            ("Date locked", "yes" if facts.date_locked else "no"),
        ],
    )


def _bound(day: date | None) -> str:
    return f"{weekday_and_day(day)} {day.year}" if day is not None else "blank"


def _range(lower: date | None, upper: date | None) -> str:
    if lower is None and upper is None:
        return "without limits"
    parts = [f"from {full_date(lower)}"] if lower is not None else []
    parts += [f"to {full_date(upper)}"] if upper is not None else []
    return " ".join(parts)


# --- the link to the ERP ------------------------------------------------------------------------------------------


def erp_link(connection: Connection | None, erp_id: str) -> str:
    """The URL where a person changes the period in the ERP; "" if it is not known to be safe.

    Only https, and only to a host of Microsoft or the host that the connection reads.
    """
    if connection is None or not erp_id:
        return ""
    try:
        base = urlsplit(connection.base_url)
        host = base.hostname or ""
        port = base.port
    except ValueError:
        return ""
    if base.scheme != "https" or not host or base.username is not None:
        return ""
    if connection.kind == Connection.Kind.FINOPS:
        netloc = host if port is None else f"{host}:{port}"
        return f"https://{netloc}/?{urlencode({'cmp': erp_id, 'mi': 'LedgerFiscalCalendar'})}"
    if not is_microsoft_host(host) or not connection.tenant:
        return ""
    path = "/".join(quote(part, safe="") for part in (connection.tenant, connection.environment) if part)
    return f"https://businesscentral.dynamics.com/{path}?{urlencode({'company': erp_id}, quote_via=quote)}"


def is_microsoft_host(host: str) -> bool:
    """Whether a host is one of Microsoft's for these products."""
    return any(host == name or host.endswith(f".{name}") for name in _MICROSOFT_DOMAINS)

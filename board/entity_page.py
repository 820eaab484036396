"""What the template of an entity shows: one month of one entity, explained, with nothing of HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.urls import reverse

from board import words
from board.alert_words import Told as ToldNotice
from board.asked import Asked
from board.deputy import may_name
from board.entity_closes import MONTHS, ClosesCard, closes_card, usual_close
from board.entity_deadline import DeadlineCard, Pieces, Told, deadline_card, standing_sentence
from board.entity_facts import FactsCard, erp_link, facts_card
from board.entity_history import SHOWN, Event, Teller, events
from board.entity_said import SaidCard, Typed, said_card
from board.entity_silence import SilenceCard, silence_card
from board.question import FIRST_MONTH, Question
from board.told import told_of_period
from closing.calendar.days import DateSpan, WorkdayCalendar, month_and_year
from closing.calendar.deadlines import WorkdayRule
from closing.calendar.months import month_of, next_month, previous_month
from closing.judging.standing import LatenessUnit
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row
from entities.calendars import work_calendars
from entities.models import Connection, LegalEntity
from periods.models import SyncAttempt
from periods.policies import EffectivePolicy, effective_policies
from periods.remarks import allowed_remark_kinds, may_write
from periods.snapshot.period_history import AttemptSummary, PeriodDetail, newest_attempts, period_details
from periods.snapshot.take import take_snapshots

ATTEMPTS = 5
_OUTCOMES = {
    SyncAttempt.Outcome.RUNNING: ("Reading now", "stale"),
    SyncAttempt.Outcome.OK: ("Read", "closed"),
    SyncAttempt.Outcome.PARTIAL: ("Not brought", "warning"),
    SyncAttempt.Outcome.UNAVAILABLE: ("Unavailable", "warning"),
    SyncAttempt.Outcome.REFUSED: ("Refused", "warning"),
    SyncAttempt.Outcome.MISREAD: ("Not understood", "warning"),
    SyncAttempt.Outcome.ABANDONED: ("Abandoned", "warning"),
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to read the connection, as the table shows it."""

    icon: str
    outcome: str
    when: str
    iso: str
    took: str
    pages: str  # "" for who does not see all entities of the connection, likewise rows
    rows: str
    words: str


@dataclass(frozen=True, slots=True)
class Head:
    """Who the entity is, and the ways from here."""

    name: str
    code: str
    group: str
    group_url: str
    board_url: str
    sub: Sequence[str]
    owner: str
    owner_email: str
    mailto: str
    deputy: str
    deputy_url: str  # where another is named; "" for who may not
    state: str
    kind: str  # of the state's chip
    notes: Sequence[str]
    reopened: bool
    stale: bool
    erp_url: str
    month: str
    previous: tuple[str, str] | None  # (address, month in words)
    next: tuple[str, str] | None
    latest: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class EntityPage:
    """The whole page; cards are None where there is nothing to show yet, and `empty` then says why."""

    head: Head
    title: str
    moment: str
    moment_iso: str
    zone: str
    here: str
    version: str  # of what is not shown anew while the page stays open: what people said, and which forms make sense
    empty: tuple[str, str] | None
    notices: Sequence[str]
    deadline: DeadlineCard | None
    facts: FactsCard | None
    closes: ClosesCard | None
    said: SaidCard | None
    silence: SilenceCard | None
    told: Sequence[ToldNotice]  # who was told of this period, newest first
    events: Sequence[Event]
    more_events: int
    all_url: str
    attempts: Sequence[Attempt]
    counts_rows: bool
    connection: str
    reads_only: bool

    @property
    def sentence(self) -> Pieces:
        return self.deadline.sentence if self.deadline is not None else []


@dataclass(frozen=True, slots=True)
class _Known:
    """Everything that was read for the page."""

    entity: LegalEntity
    asked: Asked
    board: Scoreboard
    row: Row | None
    rows: Sequence[tuple[date, Row]]
    periods: Sequence[PeriodDetail]
    policy: EffectivePolicy
    calendar: WorkdayCalendar
    attempts: Sequence[AttemptSummary]
    sees_all: bool  # how much a read brought tells of what else there is
    writes: bool


def entity_page(
    entity: LegalEntity, asked: Asked, path: str, *, typed: Typed | None = None, whole: bool = False
) -> tuple[EntityPage, Scoreboard]:
    """The page of a month and the board of the entity alone, in a fixed number of queries.

    `typed` is what a refused form held; `whole` shows all of the history. `entity` comes with its group, calendar,
    connection and owner.
    """
    known = _read(entity, asked)
    row, period = known.row, _period_of(known)
    empty = _empty(known)
    judge = known.policy.judging
    first_is = _first_is(known.policy)
    usual = ""
    if row is not None and row.span is not None:
        before = [(month, each) for month, each in known.rows if month < asked.month]
        usual = usual_close(before, asked.as_of, known.calendar, first_is)
    told = _told(known, period, typed)
    shown = told if whole else told[:SHOWN]
    if any(event.said is not None and event.said.form is not None for event in told):
        typed = None  # it comes back with the note that was to be edited
    page = EntityPage(
        head=_head(known, path),
        title=_title(known),
        moment=words.moment_in_full(asked.as_of, asked.reader.zone),
        moment_iso=words.iso(asked.as_of) or "",
        zone=asked.reader.zone_name,
        here=asked.question.url(path),
        version=_version(known, period),
        empty=empty,
        notices=_notices(known),
        deadline=deadline_card(
            row,
            asked.as_of,
            judge,
            known.calendar,
            _first_counted(period, first_is),
            Told(
                period.deadlines[-1] if period.deadlines else None,
                [seen.change for seen in period.changes],
                usual,
            ),
            asked.reader,
        )
        if row is not None and period is not None
        else None,
        facts=facts_card(
            row,
            period.year,
            asked.as_of,
            asked.reader,
            ledger_restricted_means_on_hold=known.policy.ledger_restricted_means_on_hold,
        )
        if row is not None and period is not None
        else None,
        closes=_closes(known, first_is, path),
        said=said_card(row, asked, writes=known.writes, typed=typed) if row is not None and period else None,
        silence=silence_card(row, asked, entity, writes=known.writes) if row is not None else None,
        told=told_of_period(asked, entity.pk, row.period_id if row is not None else None, row),
        events=shown,
        more_events=len(told) - len(shown),
        all_url=f"{asked.question.url(path)}{'&' if asked.question.query() else '?'}history=all#history",
        attempts=[_attempt(tried, known) for tried in known.attempts],
        counts_rows=known.sees_all,
        connection=_connection(entity.connection),
        reads_only=not known.writes,
    )
    return page, known.board


def _read(entity: LegalEntity, asked: Asked) -> _Known:
    month, as_of = asked.month, asked.as_of
    months = [month]
    while len(months) <= MONTHS and months[0] > FIRST_MONTH:
        months.insert(0, previous_month(months[0]))
    one = LegalEntity.objects.filter(pk=entity.pk)
    boards = take_snapshots(one, months, as_of)
    rows = [(each, boards[each].rows[0]) for each in months if boards[each].rows]
    years = range(months[0].year, max(month.year, as_of.year) + 2)
    return _Known(
        entity=entity,
        asked=asked,
        board=boards[month],
        row=boards[month].rows[0] if boards[month].rows else None,
        rows=rows,
        periods=period_details(entity.pk, month, as_of),
        policy=effective_policies([(entity.pk, entity.group.path)], as_of=as_of)[entity.pk],
        calendar=work_calendars([entity.calendar_id], years)[entity.calendar_id],
        attempts=newest_attempts(entity.pk, entity.connection_id, as_of, newest=ATTEMPTS),
        sees_all=asked.person.is_superuser,
        writes=may_write(asked.person, entity.pk),
    )


def _period_of(known: _Known) -> PeriodDetail | None:
    """The period that the row is about: of two in one month the one that holds the entity up."""
    if known.row is None:
        return None
    return next((period for period in known.periods if period.id == known.row.period_id), None)


def _first_is(policy: EffectivePolicy) -> int:
    return policy.rule.first_is if isinstance(policy.rule, WorkdayRule) else 1


def _first_counted(period: PeriodDetail | None, first_is: int) -> int:
    """The number of the first working day by the rule that gave this deadline, else by the policy in force."""
    newest = period.deadlines[-1] if period is not None and period.deadlines else None
    return newest.first_is if newest is not None and newest.first_is is not None else first_is


def _version(known: _Known, period: PeriodDetail | None) -> str:
    if known.row is None or period is None:
        return "0"
    newest = max((remark.id for remark in period.remarks), default=0)
    kinds = "".join(sorted(kind.value[0] for kind in allowed_remark_kinds(known.row, known.asked.as_of)))
    quiet = known.row.silence
    silence = f"-{quiet.silence_id}" if quiet is not None else ""
    return f"{period.id}-{newest}-{len(period.changes)}-{kinds}{silence}"


def _title(known: _Known) -> str:
    row, month = known.row, month_and_year(known.asked.month)
    if row is None or row.span is None:
        return f"{known.entity.name} · {month}"
    sentence = "".join(text for _, text in standing_sentence(row, known.asked.as_of))
    return f"{known.entity.name}: {sentence} · {month}"


# --- the head -----------------------------------------------------------------------------------------------------


def _head(known: _Known, path: str) -> Head:
    entity, asked, row = known.entity, known.asked, known.row
    seen = Question(month=asked.question.month, at=asked.question.at)
    connection, owner, deputy = entity.connection, entity.owner, entity.deputy
    sub = [entity.code, entity.country]
    sub.append(
        f"{connection.get_kind_display()} “{connection.name}”" if connection else "not connected to an ERP"
    )
    sub.append(f"{entity.calendar.name} calendar")
    notes: list[str] = []
    if row is not None:
        notes = _state_notes(row, asked)
    return Head(
        name=entity.name,
        code=entity.code,
        group=entity.group.name,
        group_url=seen.url("/", group=entity.group.code),
        board_url=seen.url("/"),
        sub=sub,
        owner=(owner.name or owner.email) if owner else "",
        owner_email=owner.email if owner else "",
        mailto=f"mailto:{owner.email}" if owner else "",
        deputy=(deputy.name or deputy.email) if deputy else "",
        deputy_url=reverse("deputy", args=[entity.code]) if may_name(asked.person, entity) else "",
        state=words.STATE_LABELS[row.state] if row is not None else "",
        kind=row.state.value if row is not None else "",
        notes=notes,
        reopened=row is not None and words.reopened(row),
        stale=row is not None and not row.fresh,
        erp_url=erp_link(connection, entity.erp_id),
        month=month_and_year(asked.month),
        previous=_month_link(asked, path, previous_month(asked.month)) if asked.month > FIRST_MONTH else None,
        next=_month_link(asked, path, next_month(asked.month)) if asked.month < _running(asked) else None,
        latest=(asked.question.url(path, month=None), month_and_year(asked.latest))
        if asked.month != asked.latest
        else None,
    )


def _month_link(asked: Asked, path: str, month: date) -> tuple[str, str]:
    return asked.question.url(path, month=month), month_and_year(month)


def _running(asked: Asked) -> date:
    return month_of(asked.as_of.astimezone(asked.reader.zone).date())


def _state_notes(row: Row, asked: Asked) -> list[str]:
    zone, as_of = asked.reader.zone, asked.as_of
    notes = []
    if row.missing_since is not None:
        notes.append(f"missing from the ERP’s answer since {words.clock(row.missing_since, zone, as_of)}")
    elif row.read_at is None:
        notes.append("never read")
    elif not row.fresh:
        notes.append(f"as of {words.clock(row.read_at, zone, as_of)}, {words.age(row.read_at, as_of)} old")
    elif row.standing.unconfirmed:
        notes.append("unconfirmed")
    if row.on_hold_counts and row.state.value == "on_hold":
        notes.append("counts as closed")
    return notes


def _empty(known: _Known) -> tuple[str, str] | None:
    """Why there is nothing to judge, and what happens next."""
    entity, row, month = known.entity, known.row, month_and_year(known.asked.month)
    if row is None:
        since = entity.active_from
        if since is not None and since > known.asked.month:
            return (
                f"{entity.name} does not count in {month}",
                f"It counts from {words.short_day(since)} {since.year}.",
            )
        until = entity.active_to
        told = f"It counted until {words.short_day(until)} {until.year}." if until is not None else ""
        return f"{entity.name} does not count in {month}", told
    if row.span is not None:
        return None
    if row.read_at is None:
        why = row.read_error or "The first reading appears here when it is in."
        return f"{entity.name} has not been read yet", why
    return (
        f"The ERP lists no period for {month}",
        f"{row.read_error} Periods appear here once the ERP has them and a reading brings them.".strip(),
    )


def _notices(known: _Known) -> list[str]:
    """What a reader must know before trusting the rest."""
    row = known.row
    told: list[str] = []
    if row is None:
        return told
    if row.span is not None and not row.fresh:
        last = (
            words.clock(row.read_at, known.asked.reader.zone, known.asked.as_of) if row.read_at else "never"
        )
        why = f" {row.read_error}" if row.read_error else ""
        told.append(f"Not confirmed: what follows is as of the last reading, {last}.{why}")
    elif row.span is not None and row.standing.unconfirmed:
        told.append(
            "The ERP answers, but no longer says a state that is understood: the last known standing stays."
        )
    others = [period for period in known.periods if period.id != row.period_id]
    if others:
        names = ", ".join(f"{period.name} ({_span(period.span)})" for period in others)
        told.append(f"This month also has {names}; shown is the period that holds the entity up.")
    shown = _period_of(known)
    if shown is not None and shown.month_set_by_hand:
        told.append(f"An administrator has put this period into {month_and_year(known.asked.month)}.")
    return told


def _span(span: DateSpan) -> str:
    return f"{words.short_date(span.first)} – {words.short_date(span.last)}"


# --- the cards ----------------------------------------------------------------------------------------------------


def _closes(known: _Known, first_is: int, path: str) -> ClosesCard | None:
    asked = known.asked

    def url_of(month: date) -> str:
        return asked.question.url(path, month=month)

    card = closes_card(known.rows, asked.as_of, known.calendar, first_is, url_of)
    return card if card.bars else None


def _told(known: _Known, period: PeriodDetail | None, typed: Typed | None) -> list[Event]:
    if period is None or known.row is None:
        return []
    asked, judge = known.asked, known.policy.judging
    teller = Teller(
        reader=asked.reader,
        as_of=asked.as_of,
        person_id=asked.person.pk,
        may_write=known.writes and not asked.past,
        refused=typed.edit if typed is not None else None,
    )
    calendar = known.calendar if judge.unit is LatenessUnit.WORKING_DAYS else None
    return events(period, known.row, judge, calendar, teller)


def _attempt(tried: AttemptSummary, known: _Known) -> Attempt:
    asked = known.asked
    outcome, icon = _OUTCOMES[tried.outcome]
    took = ""
    if tried.finished_at is not None:
        seconds = max(0.0, (tried.finished_at - tried.started_at).total_seconds())
        took = f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
    told = tried.words
    if tried.retry_at is not None and tried.retry_at > asked.as_of:
        told = (
            f"{told} Tried again from {words.clock(tried.retry_at, asked.reader.zone, asked.as_of)}.".strip()
        )
    return Attempt(
        icon,
        outcome,
        words.clock(tried.started_at, asked.reader.zone, asked.as_of),
        words.iso(tried.started_at) or "",
        took,
        f"{tried.pages:,}" if known.sees_all else "",
        f"{tried.rows:,}" if known.sees_all else "",
        told,
    )


def _connection(connection: Connection | None) -> str:
    if connection is None:
        return ""
    minutes = connection.interval_seconds / 60
    every = f"{minutes:g} min" if minutes >= 1 else f"{connection.interval_seconds} s"
    paused = "; paused, so nothing is read" if connection.paused else ""
    limit = f"{connection.stale_after_seconds / 60:g} min"
    return f"“{connection.name}”, read every {every}, stale after {limit}{paused}"

"""What the template of an entity shows: one month of one entity, explained, with nothing of HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from board.entity.closes import ClosesCard, closes_card, typical_close
from board.entity.deadline_card import DeadlineCard, DeadlineHistory, deadline_card
from board.entity.header import EntityHeader, entity_header
from board.entity.native_facts import FactsCard, facts_card
from board.entity.page_data import PageData, first_counted_day, first_day_number, period_of, read_page_data
from board.entity.period_timeline import SHOWN, TimelineEvent, TimelineViewer, events
from board.entity.read_attempts import Attempt, connection_summary, read_attempt
from board.entity.remark_forms import RejectedRemark, RemarksCard, remarks_card
from board.entity.silence_form import SilenceCard, silence_card
from board.entity.standing_sentence import Pieces, standing_sentence
from board.notifications.notice_history import notices_of_period
from board.notifications.notice_phrasing import NoticeSummary as ToldNotice
from board.web import labels
from board.web.board_request import BoardRequest
from closing.calendar.date_phrases import month_and_year
from closing.calendar.days import DateSpan
from closing.judging.standing import LatenessUnit
from closing.scoreboard.board import Scoreboard
from entities.models import LegalEntity
from periods.remarks import allowed_remark_kinds
from periods.snapshot.period_history import PeriodDetail


@dataclass(frozen=True, slots=True)
class EntityPage:
    """The whole page; cards are None where there is nothing to show yet, and `empty` then says why."""

    head: EntityHeader
    title: str
    moment: str
    moment_iso: str
    zone: str
    here: str
    version: str  # of what is not shown anew while the page stays open: what people said, and which forms make sense
    empty: tuple[str, str] | None
    banners: Sequence[str]
    deadline: DeadlineCard | None
    facts: FactsCard | None
    closes: ClosesCard | None
    remarks: RemarksCard | None
    silence: SilenceCard | None
    notice_history: Sequence[ToldNotice]  # who was told of this period, newest first
    events: Sequence[TimelineEvent]
    more_events: int
    all_url: str
    attempts: Sequence[Attempt]
    counts_rows: bool
    connection: str
    reads_only: bool

    @property
    def sentence(self) -> Pieces:
        return self.deadline.sentence if self.deadline is not None else []


def entity_page(
    entity: LegalEntity,
    asked: BoardRequest,
    path: str,
    *,
    typed: RejectedRemark | None = None,
    whole: bool = False,
) -> tuple[EntityPage, Scoreboard]:
    """The page of a month and the board of the entity alone, in a fixed number of queries.

    `typed` is what a refused form held; `whole` shows all of the history. `entity` comes with its group, calendar,
    connection and owner.
    """
    known = read_page_data(entity, asked)
    row, period = known.row, period_of(known)
    empty = _empty(known)
    judge = known.policy.judging
    first_is = first_day_number(known.policy)
    usual = ""
    if row is not None and row.span is not None:
        before = [(month, each) for month, each in known.rows if month < asked.month]
        usual = typical_close(before, asked.as_of, known.calendar, first_is)
    told = _told(known, period, typed)
    shown = told if whole else told[:SHOWN]
    if any(event.remark is not None and event.remark.form is not None for event in told):
        typed = None  # it comes back with the note that was to be edited
    page = EntityPage(
        head=entity_header(known, path),
        title=_title(known),
        moment=labels.moment_in_full(asked.as_of, asked.reader.zone),
        moment_iso=labels.iso(asked.as_of) or "",
        zone=asked.reader.zone_name,
        here=asked.query.url(path),
        version=_version(known, period),
        empty=empty,
        banners=_notices(known),
        deadline=deadline_card(
            row,
            asked.as_of,
            judge,
            known.calendar,
            first_counted_day(period, first_is),
            DeadlineHistory(
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
        remarks=remarks_card(row, asked, writes=known.writes, typed=typed)
        if row is not None and period
        else None,
        silence=silence_card(row, asked, entity, writes=known.writes) if row is not None else None,
        notice_history=notices_of_period(asked, entity.pk, row.period_id if row is not None else None, row),
        events=shown,
        more_events=len(told) - len(shown),
        all_url=f"{asked.query.url(path)}{'&' if asked.query.querystring() else '?'}history=all#history",
        attempts=[read_attempt(tried, known) for tried in known.attempts],
        counts_rows=known.sees_all,
        connection=connection_summary(entity.connection),
        reads_only=not known.writes,
    )
    return page, known.board


def _version(known: PageData, period: PeriodDetail | None) -> str:
    if known.row is None or period is None:
        return "0"
    newest = max((remark.id for remark in period.remarks), default=0)
    kinds = "".join(sorted(kind.value[0] for kind in allowed_remark_kinds(known.row, known.asked.as_of)))
    quiet = known.row.silence
    silence = f"-{quiet.silence_id}" if quiet is not None else ""
    return f"{period.id}-{newest}-{len(period.changes)}-{kinds}{silence}"


def _title(known: PageData) -> str:
    row, month = known.row, month_and_year(known.asked.month)
    if row is None or row.span is None:
        return f"{known.entity.name} · {month}"
    sentence = "".join(text for _, text in standing_sentence(row, known.asked.as_of))
    return f"{known.entity.name}: {sentence} · {month}"


# --- the head -----------------------------------------------------------------------------------------------------


def _empty(known: PageData) -> tuple[str, str] | None:
    """Why there is nothing to judge, and what happens next."""
    entity, row, month = known.entity, known.row, month_and_year(known.asked.month)
    if row is None:
        since = entity.active_from
        if since is not None and since > known.asked.month:
            return (
                f"{entity.name} does not count in {month}",
                f"It counts from {labels.short_day(since)} {since.year}.",
            )
        until = entity.active_to
        told = f"It counted until {labels.short_day(until)} {until.year}." if until is not None else ""
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


def _notices(known: PageData) -> list[str]:
    """What a reader must know before trusting the rest."""
    row = known.row
    told: list[str] = []
    if row is None:
        return told
    if row.span is not None and not row.fresh:
        last = (
            labels.clock(row.read_at, known.asked.reader.zone, known.asked.as_of) if row.read_at else "never"
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
    shown = period_of(known)
    if shown is not None and shown.month_set_by_hand:
        told.append(f"An administrator has put this period into {month_and_year(known.asked.month)}.")
    return told


def _span(span: DateSpan) -> str:
    return f"{labels.short_date(span.first)} – {labels.short_date(span.last)}"


# --- the cards ----------------------------------------------------------------------------------------------------


def _closes(known: PageData, first_is: int, path: str) -> ClosesCard | None:
    asked = known.asked

    def url_of(month: date) -> str:
        return asked.query.url(path, month=month)

    card = closes_card(known.rows, asked.as_of, known.calendar, first_is, url_of)
    return card if card.bars else None


def _told(known: PageData, period: PeriodDetail | None, typed: RejectedRemark | None) -> list[TimelineEvent]:
    if period is None or known.row is None:
        return []
    asked, judge = known.asked, known.policy.judging
    teller = TimelineViewer(
        reader=asked.reader,
        as_of=asked.as_of,
        person_id=asked.person.pk,
        may_write=known.writes and not asked.past,
        refused=typed.edit if typed is not None else None,
    )
    calendar = known.calendar if judge.unit is LatenessUnit.WORKING_DAYS else None
    return events(period, known.row, judge, calendar, teller)

"""Builds the entity's page: one month of one entity, explained, without HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from board.entity.closes import ClosesCard, closes_card
from board.entity.deadline_card import DeadlineCard, deadline_card
from board.entity.forms import RemarkForm
from board.entity.header import EntityHeader, entity_header
from board.entity.native_facts import FactsCard, facts_card
from board.entity.page_data import PageData, read_page_data
from board.entity.period_timeline import SHOWN, TimelineEvent, timeline_events
from board.entity.read_attempts import Attempt, connection_summary, read_attempts
from board.entity.remark_forms import RemarksCard, remarks_card
from board.entity.silence_form import SilenceCard, silence_card
from board.entity.standing_sentence import standing_sentence
from board.entity_work.entity_in_month import EntityInMonth
from board.entity_work.work_card import WorkCard, work_card
from board.notifications.notice_list import notices_of_period
from board.notifications.notice_phrasing import NoticeSummary
from board.web import labels
from board.web.board_request import BoardRequest
from closing.calendar.date_phrases import month_and_year
from closing.calendar.days import DateSpan
from closing.scoreboard.board import Scoreboard
from entities.models import LegalEntity
from periods.remarks import allowed_remark_kinds


@dataclass(frozen=True, slots=True)
class EntityPage:
    """The whole page; cards are None if there is nothing to show yet, and `empty` then gives the reason."""

    head: EntityHeader
    title: str
    moment: str
    moment_iso: str
    zone: str
    here: str
    version: str  # of the parts that an open page does not refresh: remarks, and the forms allowed
    empty: tuple[str, str] | None
    banners: Sequence[str]
    deadline: DeadlineCard | None
    work: WorkCard | None
    facts: FactsCard | None
    closes: ClosesCard | None
    remarks: RemarksCard | None
    silence: SilenceCard | None
    notice_history: Sequence[NoticeSummary]  # notices of this period, newest first
    events: Sequence[TimelineEvent]
    more_events: int
    all_url: str
    attempts: Sequence[Attempt]
    counts_rows: bool
    connection: str
    reads_only: bool


def entity_page(
    entity: LegalEntity,
    board_request: BoardRequest,
    path: str,
    *,
    typed: RemarkForm | None = None,
    whole: bool = False,
) -> tuple[EntityPage, Scoreboard]:
    """The page of a month, and the board of this entity alone, in a fixed number of queries.

    `typed` is a rejected form; `whole` shows all of the history. `entity` has its group, calendar,
    connection and owner loaded.
    """
    data = read_page_data(entity, board_request)
    row, period = data.row, data.period
    all_events = timeline_events(data, typed)
    shown = all_events if whole else all_events[:SHOWN]
    if any(event.remark is not None and event.remark.form is not None for event in all_events):
        typed = None  # shown in the form of the edited note instead
    here = board_request.query.url(path)
    page = EntityPage(
        head=entity_header(data, path),
        title=_title(data),
        moment=labels.moment_in_full(board_request.as_of, board_request.reader.zone),
        moment_iso=labels.iso(board_request.as_of) or "",
        zone=board_request.reader.zone_name,
        here=here,
        version=_version(data),
        empty=_empty(data),
        banners=_banners(data),
        deadline=deadline_card(data, period) if period is not None else None,
        work=work_card(
            EntityInMonth(entity, board_request, row, data.rows, data.attempts, writes=data.writes)
        ),
        facts=facts_card(
            row, period.year, board_request.as_of, board_request.reader, data.policy.fact_options
        )
        if row is not None and period is not None and row.read_at is not None
        else None,
        closes=closes_card(data, path),
        remarks=remarks_card(data, typed),
        silence=silence_card(row, data) if row is not None else None,
        notice_history=notices_of_period(
            board_request, entity.pk, row.period_id if row is not None else None, row
        ),
        events=shown,
        more_events=len(all_events) - len(shown),
        all_url=f"{here}{'&' if '?' in here else '?'}history=all#history",
        attempts=read_attempts(data),
        counts_rows=data.sees_all,
        connection=connection_summary(entity.connection),
        reads_only=not data.writes,
    )
    return page, data.board


def _version(data: PageData) -> str:
    period = data.period
    if data.row is None or period is None:
        return "0"
    newest = max((remark.id for remark in period.remarks), default=0)
    kinds = "".join(
        sorted(kind.value[0] for kind in allowed_remark_kinds(data.row, data.board_request.as_of))
    )
    row_silence = data.row.silence
    silence = f"-{row_silence.silence_id}" if row_silence is not None else ""
    return f"{period.id}-{newest}-{len(period.changes)}-{kinds}{silence}"


def _title(data: PageData) -> str:
    row, month = data.row, month_and_year(data.board_request.month)
    if row is None or row.span is None:
        return f"{data.entity.name} · {month}"
    sentence = "".join(text for _, text in standing_sentence(row, data.board_request.as_of))
    return f"{data.entity.name}: {sentence} · {month}"


# --- the head -----------------------------------------------------------------------------------------------------


def _empty(data: PageData) -> tuple[str, str] | None:
    """The reason why there is nothing to judge, and the next step."""
    entity, row, month = data.entity, data.row, month_and_year(data.board_request.month)
    if row is None:
        since = entity.active_from
        if since is not None and since > data.board_request.month:
            return (
                f"{entity.name} does not count in {month}",
                f"It counts from {labels.short_day(since)} {since.year}.",
            )
        until = entity.active_to
        detail = f"It counted until {labels.short_day(until)} {until.year}." if until is not None else ""
        return f"{entity.name} does not count in {month}", detail
    if row.span is not None:
        return None
    if row.not_due:
        return f"Nothing is due for {month}", f"{row.because[:1].upper()}{row.because[1:]}."
    if row.read_at is None:
        reason = row.read_error or "The first reading appears here when it is in."
        return f"{entity.name} has not been read yet", reason
    return (
        f"The ERP lists no period for {month}",
        f"{row.read_error} Periods appear here once the ERP has them and a reading brings them.".strip(),
    )


def _banners(data: PageData) -> list[str]:
    """The warnings above the cards."""
    row = data.row
    banners: list[str] = []
    if row is None:
        return banners
    if row.span is not None and row.read_at is None:
        banners.append(
            "Never read, so its period is not known yet: the deadline is counted from the end of"
            f" {month_and_year(data.board_request.month)}. {row.read_error}".rstrip()
        )
    elif row.span is not None and not row.fresh and row.read_at is not None:
        last = labels.clock(row.read_at, data.board_request.reader.zone, data.board_request.as_of)
        error = f" {row.read_error}" if row.read_error else ""
        banners.append(f"Not read since {last}: what follows is as of then.{error}")
    elif row.span is not None and row.standing.unconfirmed:
        banners.append(
            "The ERP’s answer is missing or not understood: days late follow the last known state."
        )
    rest = [period for period in data.periods if period.id != row.period_id]
    others = [period for period in rest if not period.vanished]
    banners += [
        f"The ERP no longer lists {period.name} of {period.year} ({_span(period.span)}): it does not count any more."
        for period in rest
        if period.vanished
    ]
    if others:
        names = ", ".join(f"{period.name} ({_span(period.span)})" for period in others)
        later = row.span is not None and all(period.span.last > row.span.last for period in others)
        why = "the period that has ended" if later else "the period that holds the entity up"
        banners.append(f"This month also has {names}; shown is {why}.")
    shown = data.period
    if shown is not None and shown.month_set_by_hand:
        banners.append(
            f"An administrator has put this period into {month_and_year(data.board_request.month)}."
        )
    return banners


def _span(span: DateSpan) -> str:
    return f"{labels.short_date(span.first)} – {labels.short_date(span.last)}"

"""Intercompany positions and closing rates from a file: what they would change, and the positions that are used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from closing.blockers.intercompany import Position
from closing.blockers.work_cells import CellRefused
from closing.blockers.work_rows import AmountBasis, PositionRow, RateRow
from closing.blockers.work_sheets import POSITIONS_SHEET, RATES_SHEET
from closing.calendar.date_phrases import month_and_year
from entities.models import Group, LegalEntity
from worklist.models import ClosingRate, PartnerPosition
from worklist.recording.file_scope import FileEffect, FileScope, PlannedRow
from worklist.recording.pair_facts import newest_reads

GroupRates = dict[tuple[str, date], dict[tuple[str, str], Decimal]]  # by code of the group and month
_PartnerMonth = tuple[int, int, date]  # entity, partner, month


def plan_positions(rows: Sequence[PositionRow], scope: FileScope) -> tuple[list[PlannedRow], list[Position]]:
    """The effect of each row, and the positions of those that are used; problems go to the scope.

    Of an entity, partner and month a file states all balances: what it leaves out, it takes away.
    """
    found: list[tuple[PositionRow, LegalEntity, LegalEntity, Position]] = []
    seen: dict[tuple[object, ...], int] = {}
    for row in rows:
        column = "Entity"
        try:
            entity = scope.entity(row.entity)
            column = "Partner"
            partner = _partner(row, entity, scope)
            column = "Month"
            scope.check_month(entity, row.month)
            column = "As of"
            as_of = scope.moment(entity, row.as_of, column, whole_day=True)
        except CellRefused as error:
            scope.refuse(POSITIONS_SHEET, row.line, column, str(error))
            continue
        # Of the ledger there is one amount: two currencies cannot both be its own.
        currency = row.currency if row.basis is AmountBasis.TRANSACTION else ""
        key = entity.pk, partner.pk, row.month, row.side, currency
        if key in seen:
            words = f"Row {seen[key]} states the same balance. Remove one of them."
            scope.refuse(POSITIONS_SHEET, row.line, "Side", words)
            continue
        seen[key] = row.line
        found.append((row, entity, partner, _position(row, as_of)))
    stored = _stored(found)
    newest = newest_reads({entity.pk for _, entity, _, _ in found})
    oldest: dict[_PartnerMonth, datetime] = {}
    for row, entity, partner, position in found:
        place = entity.pk, partner.pk, row.month
        oldest[place] = min(position.as_of, oldest.get(place, position.as_of))
    lines: list[PlannedRow] = []
    used: list[Position] = []
    for row, entity, partner, position in found:
        place = entity.pk, partner.pk, row.month
        before = stored.get(place, [])
        newer = any(_age(one, newest) > oldest[place] for one in before)
        lines.append(_planned(row, entity, partner, position, before, newer=newer))
        if not newer:
            used.append(position)
    return lines, used


def _partner(row: PositionRow, entity: LegalEntity, scope: FileScope) -> LegalEntity:
    partner = scope.seen(row.partner)
    if partner.group.path.partition("/")[0] != entity.group.path.partition("/")[0]:
        raise CellRefused(f"{partner.name} is of another group. Positions are of two entities of one group.")
    return partner


def _position(row: PositionRow, as_of: datetime) -> Position:
    own = row.basis is AmountBasis.LEDGER
    return Position(
        row.entity,
        row.partner,
        row.month,
        row.side,
        as_of,
        currency="" if own else row.currency,
        amount=None if own else row.amount,
        functional_currency=row.currency if own else "",
        functional_amount=row.amount if own else None,
    )


def _stored(
    found: Sequence[tuple[PositionRow, LegalEntity, LegalEntity, Position]],
) -> Mapping[_PartnerMonth, list[PartnerPosition]]:
    rows: defaultdict[_PartnerMonth, list[PartnerPosition]] = defaultdict(list)
    for row in PartnerPosition.objects.filter(
        entity__in={entity.pk for _, entity, _, _ in found},
        month__in={row.month for row, _, _, _ in found},
        superseded_at=None,
    ).order_by("pk"):
        rows[row.entity_id, row.partner_id, row.month].append(row)
    return rows


def _age(row: PartnerPosition, newest: Mapping[int, datetime]) -> datetime:
    """How old a stored balance is: its own age, or for a live one the last good read of its entity."""
    return row.as_of or newest.get(row.entity_id, row.read_at)


def _planned(
    row: PositionRow,
    entity: LegalEntity,
    partner: LegalEntity,
    position: Position,
    stored: Sequence[PartnerPosition],
    *,
    newer: bool,
) -> PlannedRow:
    same = next(
        (one for one in stored if (one.side, one.currency) == (row.side.value, position.currency)), None
    )
    before = (
        _words(same.amount, same.currency) or _words(same.functional_amount, same.functional_currency)
        if same
        else ""
    )
    after = _words(row.amount, row.currency)
    effect = FileEffect.ADDED if same is None else FileEffect.CHANGED
    if same is not None and before == after and same.as_of == position.as_of and same.attempt_id is None:
        effect = FileEffect.UNCHANGED
    side = row.side.value.replace("_", " ")
    return PlannedRow(
        POSITIONS_SHEET,
        row.line,
        entity.code,
        entity.name,
        f"{side} {partner.name}, {month_and_year(row.month)}",
        before,
        after,
        FileEffect.OUTDATED if newer else effect,
        "a newer balance with this partner stands" if newer else "",
    )


def _words(amount: Decimal | None, currency: str) -> str:
    return f"{amount:,.2f} {currency}" if amount is not None else ""


def plan_rates(rows: Sequence[RateRow], scope: FileScope) -> tuple[list[PlannedRow], GroupRates]:
    """The effect of each row, and the rates of each group and month; problems go to the scope."""
    found: list[tuple[RateRow, Group]] = []
    seen: dict[tuple[object, ...], int] = {}
    for row in rows:
        key = row.group, row.month, *sorted((row.base, row.quote))
        try:
            group = scope.group(row.group)
        except CellRefused as error:
            scope.refuse(RATES_SHEET, row.line, "Group", str(error))
            continue
        if key in seen:
            words = f"Row {seen[key]} states a rate of the same two currencies. Remove one of them."
            scope.refuse(RATES_SHEET, row.line, "In", words)
            continue
        seen[key] = row.line
        found.append((row, group))
    stored = {
        (rate.group_id, rate.month, rate.base, rate.quote): rate.rate
        for rate in ClosingRate.objects.filter(
            group__in={group.pk for _, group in found}, month__in={row.month for row, _ in found}
        ).order_by("set_at", "pk")
    }
    lines: list[PlannedRow] = []
    rates: GroupRates = defaultdict(dict)
    for row, group in found:
        before = stored.get((group.pk, row.month, row.base, row.quote))
        effect = FileEffect.ADDED if before is None else FileEffect.CHANGED
        if before == row.rate:
            effect = FileEffect.UNCHANGED
        subject = f"{row.base} in {row.quote}, {month_and_year(row.month)}"
        texts = subject, f"{before.normalize():f}" if before is not None else "", f"{row.rate.normalize():f}"
        lines.append(PlannedRow(RATES_SHEET, row.line, group.code, group.name, *texts, effect))
        rates[row.group, row.month][row.base, row.quote] = row.rate
    return lines, rates

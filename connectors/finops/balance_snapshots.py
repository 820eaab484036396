"""Reads balances with partners from snapshots of trial balances (08-blockers-and-tasks 6).

The declared key of the rows does not tell them apart, so that they are never made unique by it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise, product
from typing import Any

from closing.blockers.blocker_facts import Doubt
from closing.blockers.intercompany import Position, PositionSide
from closing.blockers.position_readings import PositionReadResult
from connectors.finops.work_lists import WorkLists
from connectors.ledger_source import name_key
from connectors.odata.lists import (
    InvalidRow,
    datetime_field,
    decimal_field,
    noon_date_field,
    optional_text_field,
    or_filter,
    text_field,
)
from connectors.work_source import WorkRef

HEADERS = "TrialBalanceFiscalYearSnapshotHeaders"
ROWS = "TrialBalanceFiscalYearSnapshots"
MAIN_ACCOUNT = "MainAccount"
_DIMENSIONS = range(1, 12)
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class PartnerAccount:
    """A main account on which an entity keeps balances of one side.

    `partner` is the code of the only other entity that it is kept with; "" where a dimension names the partner.
    """

    account: str
    side: PositionSide
    partner: str = ""


@dataclass(frozen=True, slots=True)
class PartnerLedger:
    """A ledger whose balances with partners are read: its name in snapshots, its currency, and its accounts."""

    ref: WorkRef
    ledger: str
    currency: str
    accounts: tuple[PartnerAccount, ...]


@dataclass(frozen=True, slots=True)
class _Snapshot:
    tracking: str
    taken_at: datetime
    places: Mapping[str, int]  # of dimensions, by name without case


@dataclass(slots=True)
class _Amounts:
    opening: Decimal = _ZERO
    movement: Decimal = _ZERO


_AccountKey = tuple[str, str]  # main account and value of the partner dimension, without case


@dataclass(frozen=True, slots=True)
class _Year:
    """The amounts of one snapshot by account and last day of period; `opening` of each period or of the year."""

    first_day: date
    taken_at: datetime
    series: Mapping[_AccountKey, Mapping[date, _Amounts]]
    opens_each_period: bool

    def debit(self, key: _AccountKey, last_day: date) -> Decimal:
        """The balance at the end of a day: the opening balance and what moved since."""
        series = self.series[key]
        days = sorted(day for day in series if day <= last_day)
        if not days:
            return series[min(series)].opening
        moved = days[-1:] if self.opens_each_period else days
        return series[days[-1]].opening + sum((series[day].movement for day in moved), _ZERO)


def read_positions(
    lists: WorkLists,
    ledgers: Sequence[PartnerLedger],
    *,
    partners: Mapping[str, str],
    dimension: str = "TradingPartner",
) -> PositionReadResult:
    """The balances of each ledger with each partner at the end of each of its periods, in its own currency.

    `partners` gives the code of an entity by its value of the dimension. A ledger without a finished snapshot, or
    whose snapshots have no rows, is refused, and so is one with a row that breaks the contract or opening balances
    that fit neither a period nor a year. Raises SetUnread where snapshots are not public or refused.
    """
    snapshots, unread = _snapshots(lists, ledgers, dimension)
    years = {year for _, year in snapshots}
    rows: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    if years:
        options = {
            "filter": or_filter("YearName", sorted(years)),
            "orderby": "LedgerName,YearName,PeriodEndDate",
        }
        for row in lists.rows(ROWS, **options):
            if isinstance(row, dict):
                rows[str(row.get("ExternalTrackingId"))].append(row)
    by_value = {name_key(value): code for value, code in partners.items()}
    positions: list[Position] = []
    for ledger in ledgers:
        own = [one for (name, _), one in snapshots.items() if name == name_key(ledger.ledger)]
        try:
            found = [_year(ledger, one, rows[one.tracking], dimension) for one in own if rows[one.tracking]]
        except InvalidRow:
            unread[ledger.ref.code] = Doubt.NOT_SHOWN
            continue
        if not found:
            unread.setdefault(ledger.ref.code, Doubt.NO_ROWS)
        positions += _positions(ledger, found, by_value)
    return PositionReadResult(
        tuple(positions),
        months=frozenset(period.month for ledger in ledgers for period in ledger.ref.periods),
        read=frozenset(ledger.ref.code for ledger in ledgers) - unread.keys(),
        refused=unread,
    )


def _snapshots(
    lists: WorkLists, ledgers: Iterable[PartnerLedger], dimension: str
) -> tuple[dict[tuple[str, str], _Snapshot], dict[str, Doubt]]:
    """By ledger and year the newest finished snapshot, one with the partner dimension before one without."""
    codes = {name_key(one.ledger): one.ref.code for one in ledgers}
    best: dict[tuple[str, str], _Snapshot] = {}
    unread: dict[str, Doubt] = {}
    for row in lists.rows(HEADERS, orderby="LedgerName,YearName,DateLastRan"):
        name = name_key(str(row.get("LedgerName"))) if isinstance(row, dict) else ""
        if name not in codes or row.get("Status") != "Complete" or row.get("PostingLayer") != "Current":
            continue
        try:
            names = {place: optional_text_field(row, f"DimName{place}") or "" for place in _DIMENSIONS}
            places = {name_key(dimension): place for place, dimension in names.items() if dimension}
            taken_at, year = datetime_field(row, "DateLastRan"), text_field(row, "YearName")
            tracking = text_field(row, "ExternalTrackingId")
        except InvalidRow:
            unread[codes[name]] = Doubt.NOT_SHOWN
            continue
        if taken_at is not None and name_key(MAIN_ACCOUNT) in places:
            snapshot = _Snapshot(tracking, taken_at, places)
            before = best.get((name, year))
            if before is None or _rank(snapshot, dimension) > _rank(before, dimension):
                best[name, year] = snapshot
    return best, unread


def _rank(snapshot: _Snapshot, dimension: str) -> tuple[bool, datetime]:
    return name_key(dimension) in snapshot.places, snapshot.taken_at


def _year(
    ledger: PartnerLedger, snapshot: _Snapshot, rows: Iterable[Mapping[str, Any]], dimension: str
) -> _Year:
    accounts = {name_key(one.account) for one in ledger.accounts}
    main, partner = snapshot.places[name_key(MAIN_ACCOUNT)], snapshot.places.get(name_key(dimension))
    series: defaultdict[_AccountKey, defaultdict[date, _Amounts]] = defaultdict(lambda: defaultdict(_Amounts))
    first_day = date.max
    for row in rows:
        if text_field(row, "PeriodType") != "Operating":
            continue
        first_day = min(first_day, noon_date_field(row, "PeriodStartDate"))
        account = name_key(optional_text_field(row, f"DimensionValue{main}") or "")
        if account not in accounts:
            continue
        value = name_key(optional_text_field(row, f"DimensionValue{partner}") or "") if partner else ""
        amounts = series[account, value][noon_date_field(row, "PeriodEndDate")]
        amounts.opening += decimal_field(row, "OpeningBalance")
        amounts.movement += decimal_field(row, "AmountDebit") - decimal_field(row, "AmountCredit")
    return _Year(first_day, snapshot.taken_at, series, _opens_each_period(series.values()))


def _opens_each_period(every: Iterable[Mapping[date, _Amounts]]) -> bool:
    """Whether a row's opening balance is its period's, by the next row's; else it is the year's.

    Nobody has verified which. Raises InvalidRow where rows fit neither, or do not agree.
    """
    found: set[bool] = set()
    for series in every:
        for one, following in pairwise(series[day] for day in sorted(series)):
            if one.movement:
                if following.opening == one.opening + one.movement:
                    found.add(True)
                elif following.opening == one.opening:
                    found.add(False)
                else:
                    raise InvalidRow("an opening balance is neither its period's nor its year's")
    if len(found) > 1:
        raise InvalidRow("some opening balances are their period's and some their year's")
    return found != {False}


def _positions(
    ledger: PartnerLedger, years: Sequence[_Year], by_value: Mapping[str, str]
) -> Iterable[Position]:
    for period in ledger.ref.periods:
        begun = [year for year in years if year.first_day <= period.span.last]
        if not begun:
            continue
        year = max(begun, key=lambda one: one.first_day)
        sides: defaultdict[tuple[str, PositionSide], dict[str, Decimal]] = defaultdict(dict)
        for account, key in product(ledger.accounts, year.series):
            partner = account.partner or by_value.get(key[1], "")
            if key[0] == name_key(account.account) and partner not in {"", ledger.ref.code}:
                own = sides[partner, account.side]
                own[account.account] = own.get(account.account, _ZERO) + year.debit(key, period.span.last)
        for (partner, side), debits in sides.items():
            debit = sum(debits.values(), _ZERO)
            yield Position(
                ledger.ref.code,
                partner,
                period.month,
                side,
                year.taken_at,
                functional_currency=ledger.currency,
                functional_amount=debit if side is PositionSide.DUE_FROM else -debit,
                accounts=tuple(sorted(debits)),
            )

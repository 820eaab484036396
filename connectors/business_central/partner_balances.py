"""Balances with partners at the end of a month, as positions of counterparties (08-blockers-and-tasks 6).

The accounts of a partner come from Microsoft's intercompany app; their balances from the trial balance, where an
account belongs to one partner, or by partner from the companion. All are in the company's own currency.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from closing.blockers.intercompany import Position, PositionSide
from closing.blockers.position_readings import PositionReadResult
from closing.calendar.days import DateSpan
from connectors.business_central.api_groups import COMPANION, INTERCOMPANY, published_sets
from connectors.business_central.company_work import CompanyWork
from connectors.business_central.work_companies import listed_companies, read_companies
from connectors.ledger_source import SourceSettings, name_key
from connectors.odata.lists import InvalidRow, ODataClient, decimal_field, optional_text_field, text_field
from connectors.work_source import WorkRef
from connectors.work_tally import POSITIONS

MOST_MONTHS = 2  # with the two ways to each balance the six requests of a company (chapter 11)
BALANCES = "intercompanyBalances"
_AMOUNT = re.compile(r"-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)\.[0-9]{2}")


@dataclass(slots=True)
class _Company:
    """What one company's reading finds."""

    positions: list[Position] = field(default_factory=list)
    expected: set[tuple[str, str]] = field(default_factory=set)
    unmapped: set[tuple[str, str, PositionSide]] = field(default_factory=set)
    in_full: bool = False


_Accounts = dict[tuple[str, PositionSide], str]  # entity's code of the partner, side -> account


def read_partner_balances(
    client: ODataClient,
    settings: SourceSettings,
    refs: Sequence[WorkRef],
    read_at: datetime,
    entity_of: Mapping[str, str],
) -> PositionReadResult:
    """The positions of companies at the ends of their periods, which are of at most two reporting months.

    `entity_of` gives the code of the entity behind a partner code, in any case; other partners are passed over.
    Raises RequestFailed when the whole read fails, ValueError for more months.
    """
    months = sorted({period.month for ref in refs for period in ref.periods})
    if len(months) > MOST_MONTHS:
        raise ValueError(f"positions are read for at most {MOST_MONTHS} months at once, not {len(months)}")
    codes = {name_key(partner): code for partner, code in entity_of.items()}
    companion = published_sets(client, settings, COMPANION)
    days = DateSpan(min(months, default=read_at.date()), read_at.date())
    companies, unlisted = listed_companies(client, settings, refs, days, read_at, companion)
    found = {company.ref.code: _Company() for company in companies}
    read_companies(companies, [lambda company: _read(company, found[company.ref.code], codes)])
    missed = {ref.code: words for ref, words in unlisted}
    missed |= {company.ref.code: gap.words for company in companies for gap in company.tally.gaps()}
    answered = {code: one for code, one in found.items() if code not in missed}
    refused = {
        company.ref.code: company.refused[POSITIONS]
        for company in companies
        if POSITIONS in company.refused and company.ref.code in answered
    }
    return PositionReadResult(
        tuple(position for one in answered.values() for position in one.positions),
        months=frozenset(months),
        read=frozenset(answered.keys() - refused.keys()),
        expected=frozenset(pair for one in answered.values() for pair in one.expected),
        unmapped=frozenset(lack for one in answered.values() for lack in one.unmapped),
        listed_in_full=frozenset(code for code, one in answered.items() if one.in_full),
        refused=refused,
        missed=missed,
    )


def _read(company: CompanyWork, found: _Company, codes: Mapping[str, str]) -> None:
    setup = company.rows("generalLedgerSetup", [POSITIONS], select="localCurrencyCode")
    partners = company.rows("intercompanyPartners", [POSITIONS], INTERCOMPANY)
    if setup is None or partners is None:
        return
    with company.checked("intercompanyPartners", POSITIONS):
        if len(setup) != 1:
            raise InvalidRow(f"the general ledger setup has {len(setup)} rows")
        currency = text_field(setup[0], "localCurrencyCode")
        accounts, shared = _accounts(company, found, partners, codes)
        for period in company.ref.periods:
            balances = _balances(company, found, period.span.last, accounts, shared, codes)
            if balances is None:
                return
            found.positions += [
                _position(company, period.month, key, accounts[key], amount, currency)
                for key, amount in balances.items()
            ]


def _accounts(
    company: CompanyWork, found: _Company, partners: Sequence[Any], codes: Mapping[str, str]
) -> tuple[_Accounts, frozenset[str]]:
    """The accounts of partners that are entities, and those that several partners share, entities or not."""
    accounts: _Accounts = {}
    every: Counter[str] = Counter()
    for row in partners:
        code = codes.get(name_key(text_field(row, "partnerCode")))
        sides = {
            PositionSide.DUE_FROM: optional_text_field(row, "receivablesAccount"),
            PositionSide.DUE_TO: optional_text_field(row, "payablesAccount"),
        }
        if sides[PositionSide.DUE_FROM] and sides[PositionSide.DUE_FROM] == sides[PositionSide.DUE_TO]:
            del sides[PositionSide.DUE_TO]  # one account for both: its balance is the claim
        every.update(account for account in sides.values() if account)
        for side, account in sides.items():
            if code is None or code == company.ref.code:
                continue
            found.expected.add((company.ref.code, code))
            if account:
                accounts[code, side] = account
            else:
                found.unmapped.add((company.ref.code, code, side))
    return accounts, frozenset(account for account, uses in every.items() if uses > 1)


def _balances(
    company: CompanyWork,
    found: _Company,
    last: date,
    accounts: _Accounts,
    shared: frozenset[str],
    codes: Mapping[str, str],
) -> dict[tuple[str, PositionSide], Decimal] | None:
    """The debit balance of each partner's accounts at the end of a day; None where they are refused or missed."""
    if BALANCES in company.companion:
        rows = company.rows(BALANCES, [POSITIONS], COMPANION, refused=[], filter=f"throughDate le {last}")
        if rows is not None:
            found.in_full = True
            sums = dict.fromkeys(accounts, Decimal(0))
            for row in rows:
                code = codes.get(name_key(text_field(row, "partnerCode")), "")
                number, amount = text_field(row, "accountNumber"), decimal_field(row, "amountLCY")
                for side in PositionSide:  # other accounts are income and expense with the partner
                    if accounts.get((code, side)) == number:
                        sums[code, side] += amount
                        break
            return sums
        if company.is_missed(POSITIONS):
            return None
    rows = company.rows("trialBalances", [POSITIONS], filter=f"dateFilter le {last}")
    if rows is None:
        return None
    balances = {text_field(row, "number"): row for row in rows}
    return {
        key: _amount(balances[account], "balanceAtDateDebit")
        - _amount(balances[account], "balanceAtDateCredit")
        for key, account in accounts.items()
        if account in balances and account not in shared
    }


def _position(
    company: CompanyWork,
    month: date,
    key: tuple[str, PositionSide],
    account: str,
    debit: Decimal,
    currency: str,
) -> Position:
    partner, side = key
    return Position(
        company.ref.code,
        partner,
        month,
        side,
        company.read_at,
        functional_currency=currency,
        functional_amount=debit if side is PositionSide.DUE_FROM else -debit,
        accounts=(account,),
        live=True,
    )


def _amount(row: Mapping[str, Any], name: str) -> Decimal:
    """An amount of the trial balance, a text such as "72,893.84"; blank is 0.

    Any other notation, such as that of another language, is a row that breaks the contract.
    """
    text = optional_text_field(row, name)
    if not text:
        return Decimal(0)
    if not _AMOUNT.fullmatch(text):
        raise InvalidRow(f"{name} is not an amount: {text[:40]!r}")
    return Decimal(text.replace(",", ""))

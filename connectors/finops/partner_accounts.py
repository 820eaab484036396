"""Reads the accounts of partners and the balances on them, of all companies of one environment.

Five lists: the service document, Ledgers, LedgerInterCompanyAccounts, and the snapshots with their rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from closing.blockers.blocker_facts import Doubt
from closing.blockers.intercompany import PositionSide
from closing.blockers.position_readings import PositionReadResult
from connectors.finops.balance_snapshots import PartnerAccount, PartnerLedger, read_positions
from connectors.finops.work_lists import SetUnread, WorkLists
from connectors.ledger_source import name_key
from connectors.odata.lists import InvalidRow, optional_text_field, text_field
from connectors.work_source import WorkRef

LEDGERS = "Ledgers"
ACCOUNTS = "LedgerInterCompanyAccounts"
_SIDES = {
    PositionSide.DUE_FROM: "OriginatingDebitAccountDisplayValue",
    PositionSide.DUE_TO: "OriginatingCreditAccountDisplayValue",
}


@dataclass(slots=True)
class _Mapping:
    """What is set up for the partners of one company: accounts by side, and who uses each of them."""

    partners: dict[str, dict[PositionSide, str]] = field(default_factory=dict)  # by code of the entity
    users: defaultdict[tuple[str, PositionSide], set[str]] = field(default_factory=lambda: defaultdict(set))

    def accounts(self) -> tuple[PartnerAccount, ...]:
        """The accounts; one that several companies use, of the group or not, needs the dimension of the partner."""
        found: dict[tuple[str, PositionSide], str] = {}
        for partner, own in self.partners.items():
            for side, account in own.items():
                if side is PositionSide.DUE_TO and account == own.get(PositionSide.DUE_FROM):
                    continue  # one account for both: its balance is the claim
                found[account, side] = partner if len(self.users[account, side]) == 1 else ""
        return tuple(PartnerAccount(account, side, partner) for (account, side), partner in found.items())


def read_partner_positions(
    lists: WorkLists, refs: Sequence[WorkRef], entity_of: Mapping[str, str]
) -> PositionReadResult:
    """The balances of companies with other entities of the group at the end of each of their periods.

    `entity_of` gives the code of the entity behind the id of a company or the value of a partner dimension, in any
    case; other partners are passed over. The main account is what stands before the first dash of a display value. A
    partner in the same environment that has set up no account in return lacks both. Raises AnswerMisread,
    AccessRefused or ServerUnavailable when the whole read fails.
    """
    codes = {name_key(value): code for value, code in entity_of.items()}
    mappings, missed = _mappings(lists, refs, codes)
    unmapped = _unmapped(mappings)
    months = frozenset(period.month for ref in refs for period in ref.periods)
    mapped = {ref.code: mapping.accounts() for ref in refs for mapping in (mappings[ref.code],)}
    result = PositionReadResult(
        months=months,
        read=frozenset(ref.code for ref in refs) - missed.keys(),
        expected=frozenset(
            (code, partner) for code, mapping in mappings.items() for partner in mapping.partners
        ),
        unmapped=unmapped,
        missed=missed,
    )
    try:
        ledgers, without = _ledgers(lists, refs, mapped)
        found = read_positions(lists, ledgers, partners=entity_of)
    except SetUnread as error:
        refused = {code: error.doubt for code, accounts in mapped.items() if accounts}
    else:
        refused = {**found.refused, **without}
        result = replace(result, positions=found.positions)
    refused = {code: doubt for code, doubt in refused.items() if code not in missed}
    return replace(result, read=result.read - refused.keys(), refused=refused)


def _mappings(
    lists: WorkLists, refs: Sequence[WorkRef], codes: Mapping[str, str]
) -> tuple[dict[str, _Mapping], dict[str, str]]:
    """What each company has set up, and the companies of which a row cannot be read; nothing without the set."""
    own = {name_key(ref.erp_id): ref.code for ref in refs}
    mappings = {ref.code: _Mapping() for ref in refs}
    missed: dict[str, str] = {}
    try:
        rows = lists.rows(
            ACCOUNTS,
            select=",".join(("OriginatingLegalEntityId", "DestinationLegalEntityId", *_SIDES.values())),
            orderby="OriginatingLegalEntityId,DestinationLegalEntityId",
        )
    except SetUnread:
        return mappings, missed
    for row in rows:
        try:
            company = own.get(name_key(text_field(row, "OriginatingLegalEntityId")))
        except InvalidRow:
            continue  # a row of no company says nothing of ours
        if company is None:
            continue
        try:
            _add(mappings[company], row, company, codes)
        except InvalidRow as error:
            missed[company] = f"{ACCOUNTS} has a row that cannot be read: {error}."
    return mappings, missed


def _add(mapping: _Mapping, row: Mapping[str, Any], company: str, codes: Mapping[str, str]) -> None:
    destination = name_key(text_field(row, "DestinationLegalEntityId"))
    partner = codes.get(destination)
    for side, name in _SIDES.items():
        account = (optional_text_field(row, name) or "").partition("-")[0].strip()
        if account:
            mapping.users[account, side].add(destination)
        if partner is not None and partner != company:
            own = mapping.partners.setdefault(partner, {})
            if account:
                own[side] = account


def _unmapped(mappings: Mapping[str, _Mapping]) -> frozenset[tuple[str, str, PositionSide]]:
    lacking = set()
    for code, mapping in mappings.items():
        for partner, accounts in mapping.partners.items():
            lacking |= {(code, partner, side) for side in PositionSide if side not in accounts}
            in_return = mappings.get(partner)
            if in_return is None or code in in_return.partners:
                continue
            if all(account.partner for account in in_return.accounts()):  # none that a dimension divides
                lacking |= {(partner, code, side) for side in PositionSide}
    return frozenset(lacking)


def _ledgers(
    lists: WorkLists, refs: Iterable[WorkRef], mapped: Mapping[str, tuple[PartnerAccount, ...]]
) -> tuple[list[PartnerLedger], dict[str, Doubt]]:
    """The ledgers of companies that have accounts of partners, and the companies without a ledger."""
    wanted = {name_key(ref.erp_id): ref for ref in refs if mapped[ref.code]}
    ledgers = []
    for row in lists.rows(LEDGERS, select="LegalEntityId,Name,AccountingCurrency", orderby="LegalEntityId"):
        try:
            ref = wanted.get(name_key(text_field(row, "LegalEntityId")))
            if ref is not None:
                name, currency = text_field(row, "Name"), text_field(row, "AccountingCurrency")
                ledgers.append(PartnerLedger(ref, name, currency, mapped[ref.code]))
        except InvalidRow:
            continue  # its company has no ledger then
    listed = {ledger.ref.code for ledger in ledgers}
    return ledgers, {ref.code: Doubt.NOT_SHOWN for ref in wanted.values() if ref.code not in listed}

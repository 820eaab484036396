"""The section `closing_rates`: what one unit of a currency is in another at the end of a month, by group."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated

from entities.audit_trail import Verb, group_object
from periods.group_file.added_sections import AddedSection
from periods.group_file.diff import GroupFileDiff, changed_values
from periods.group_file.file_entries import ExistingRows, FileEntry, KnownNames, check_duplicates
from periods.group_file.shape import GroupFileItem, Month, Reference, required
from worklist.recording.closing_rates import record_rates
from worklist.recording.rate_tables import rates_in_force

SOURCE = "group file"
_PAIR = re.compile(r"([A-Z]{3})/([A-Z]{3})")
_RATE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,12})?", re.ASCII)


def _rate(text: str) -> Decimal:
    if not _RATE.fullmatch(text) or not Decimal(text):
        raise ValueError(f"{text!r} is not a rate; it is written like 1.275, above zero")
    return Decimal(text)


class ClosingRatesItem(GroupFileItem):
    """The rates of a group's month: `GBP/USD: 1.275` means that 1 GBP is 1.275 USD; others stay as they are."""

    group: Reference
    month: Month
    rates: dict[str, Annotated[Decimal, required(_rate)]]

    def by_pair(self) -> dict[tuple[str, str], Decimal]:
        """The rates by base and quote; pairs that are none are left out."""
        return {
            (match[1], match[2]): rate
            for pair, rate in self.rates.items()
            if (match := _PAIR.fullmatch(pair)) is not None
        }


class _ClosingRates:
    def check(
        self, entries: Sequence[FileEntry[ClosingRatesItem]], names: KnownNames, existing: ExistingRows
    ) -> None:
        check_duplicates(
            list(entries),
            "the table of closing rates of",
            lambda item: f"{item.group} for {item.month:%Y-%m}",
        )
        for entry in entries:
            names.require(entry, "group")
            for pair in entry.item.rates:
                match = _PAIR.fullmatch(pair)
                if match is None or match[1] == match[2]:
                    entry.refuse(
                        f"{pair!r} is not two currencies; they are written like GBP/USD", "rates", pair
                    )
                elif match[1] > match[2] and f"{match[2]}/{match[1]}" in entry.item.rates:
                    entry.refuse(f"{pair} stands here the other way round as well", "rates", pair)

    def write(
        self, entries: Sequence[FileEntry[ClosingRatesItem]], rows: ExistingRows, diff: GroupFileDiff
    ) -> None:
        for entry in entries:
            group, month = rows.groups[entry.item.group], entry.item.month
            before, after = rates_in_force(group, month), entry.item.by_pair()
            label = f"closing rates of group {group.code} for {month:%Y-%m}"
            new = {pair: rate for pair, rate in after.items() if pair not in before}
            if new:
                words = ", ".join(f"{pair} {rate}" for pair, rate in _words(new).items())
                diff.add(f"{label}: {words}", Verb.CLOSING_RATES_SET, group_object(group), _words(new))
            changes = changed_values(
                _words(before), _words({pair: rate for pair, rate in after.items() if pair in before})
            )
            if changes or not new:
                diff.change(label, changes, Verb.CLOSING_RATES_SET, group_object(group))
            record_rates(group, month, after, set_at=diff.as_of, source=SOURCE)


def _words(rates: Mapping[tuple[str, str], Decimal]) -> dict[str, str]:
    return {f"{base}/{quote}": f"{rate.normalize():f}" for (base, quote), rate in rates.items()}


CLOSING_RATES = AddedSection("closing_rates", ClosingRatesItem, _ClosingRates())

"""Sorts the rows of the status entity to the requested companies, 120,000 rows and more in one read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from closing.facts.finops_facts import FinopsFacts
from closing.facts.readings import GapReason
from connectors.ledger_source import name_key
from connectors.odata.lists import InvalidRow, optional_text_field, text_field

StatusKey = tuple[str, str, str]  # calendar, year, period name, each without case


@dataclass(slots=True)
class CompanyStatus:
    """The facts of one requested company by period, or the reason why they cannot be used."""

    facts: dict[StatusKey, FinopsFacts] = field(default_factory=dict)
    trouble: tuple[GapReason, str] | None = None

    def add(self, key: StatusKey, facts: FinopsFacts) -> None:
        first = self.facts.setdefault(key, facts)
        if first is not facts and first != facts and self.trouble is None:
            words = f"Period {key[2]!r} of {key[1]} has two different values. The next sync reads it again."
            self.trouble = (GapReason.CONFLICT, words)


class _Columns:
    """Extracts facts from rows that have exactly these properties; equal rows share one FinopsFacts."""

    def __init__(self, names: Sequence[str]) -> None:
        self.complete = "PeriodStatus" in names
        self._modules = [name.removesuffix("AccessLevel") for name in names if name.endswith("AccessLevel")]
        self._groups = [
            name.removesuffix("UserGroupInfo") for name in names if name.endswith("UserGroupInfo")
        ]
        # The status twice: itemgetter with a single name would not give a tuple.
        properties = ["PeriodStatus", "PeriodStatus", *(f"{module}AccessLevel" for module in self._modules)]
        properties += [f"{group}UserGroupInfo" for group in self._groups]
        self._take: Callable[[Mapping[str, Any]], tuple[Any, ...]] = itemgetter(*properties)
        self._cache: dict[tuple[Any, ...], FinopsFacts] = {}

    def facts(self, row: Mapping[str, Any]) -> FinopsFacts:
        if not self.complete:
            raise InvalidRow("PeriodStatus is missing")
        values = self._take(row)
        try:
            facts = self._cache.get(values)
        except TypeError:
            raise InvalidRow("a status or access level is a list or an object") from None
        if facts is None:
            facts = self._cache[values] = self._facts(values)
        return facts

    def _facts(self, values: tuple[Any, ...]) -> FinopsFacts:
        middle = 2 + len(self._modules)
        access = {
            name: _text(value, name) for name, value in zip(self._modules, values[2:middle], strict=True)
        }
        groups = {name: _text(value, name) for name, value in zip(self._groups, values[middle:], strict=True)}
        return FinopsFacts(
            status=_text(values[0], "PeriodStatus"),
            access=access,
            user_groups={name: group for name, group in groups.items() if group and group.strip()},
        )


def _text(value: Any, name: str) -> str | None:
    """The text as sent; a bare number is kept as its digits, which the rules judge as Unknown (E15)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return optional_text_field({name: value}, name)


class StatusCollector:
    """Sorts the rows of the status entity to the requested companies. This is the hot loop of a big read."""

    def __init__(self, wanted: Iterable[str], owners: Mapping[str, str], keys: Iterable[StatusKey]) -> None:
        self.by_company = {company: CompanyStatus() for company in wanted}
        self.unattributed_rows = 0  # rows that name no company at all
        self._owners = owners  # ledger name -> company, for rows that name no company
        self._keys = frozenset(keys)
        self._columns: dict[tuple[str, ...], _Columns] = {}
        self._by_id: dict[str, CompanyStatus | None] = {}  # as the row writes it
        self._key_by_names: dict[tuple[str, str, str], StatusKey | None] = {}

    def add_rows(self, rows: Iterable[Any]) -> None:
        identify = itemgetter("LegalEntityId", "Calendar", "YearName", "PeriodName")
        for row in rows:
            try:
                company, calendar, year, name = identify(row)
                status = self._by_id[company]
                key = self._key_by_names[calendar, year, name]
            except (KeyError, TypeError):
                status, key = self._classify(row)
            if status is None or key is None:
                continue
            try:
                names = tuple(row)
                columns = self._columns.get(names)
                if columns is None:
                    columns = self._columns[names] = _Columns(names)
                status.add(key, columns.facts(row))
            except InvalidRow as error:
                status.trouble = (
                    GapReason.BAD_ROW,
                    f"Its status of {name!r} {year} cannot be read: {error}.",
                )

    def _classify(self, row: Any) -> tuple[CompanyStatus | None, StatusKey | None]:
        """Find company and key of a row whose names are new, or report it as bad."""
        try:
            company = optional_text_field(row, "LegalEntityId")
        except InvalidRow:
            company = None
        try:
            owner = name_key(company or "") or self._owners[name_key(text_field(row, "LedgerName"))]
        except (InvalidRow, KeyError):
            self.unattributed_rows += 1
            return None, None
        status = self.by_company.get(owner)
        if company:
            self._by_id[company] = status
        if status is None:
            return None, None
        try:
            names = (text_field(row, "Calendar"), text_field(row, "YearName"), text_field(row, "PeriodName"))
        except InvalidRow as error:
            status.trouble = (GapReason.BAD_ROW, f"A status row cannot be read: {error}.")
            return None, None
        folded = (name_key(names[0]), name_key(names[1]), name_key(names[2]))
        key = self._key_by_names[names] = folded if folded in self._keys else None
        return status, key

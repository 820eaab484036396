"""One attempt to read unfinished work of Finance & Operations: its companies, journal names and sources."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from closing.blockers.blocker_facts import Doubt
from closing.blockers.blocker_kinds import BlockerKind
from closing.calendar.days import DateSpan
from connectors.finops.links import finops_work_link
from connectors.finops.work_lists import SetUnread, WorkLists, is_word
from connectors.ledger_source import name_key
from connectors.odata.lists import InvalidRow, optional_text_field, text_field
from connectors.work_source import Coverage, PartCoverage, PartKey, WorkRef
from connectors.work_tally import WorkItem, WorkTally
from infra.outbound.errors import AnswerMisread

NOT_POSTED = {name: is_word(name, "NoYes", "No") for name in ("IsPosted", "Posted")}
LATE_INVOICES: PartKey = (BlockerKind.LATE_INVOICES, "")
# The contract's words but for Current; a word that it does not know counts as current.
OTHER_LAYERS = frozenset(
    {"Operations", "Tax", "WarehouseCur_RU", "None", *(f"CustomLayer{number}" for number in range(1, 8))}
)
_APPROVED = "Approved"


@dataclass(frozen=True, slots=True)
class JournalState:
    """The row of a journal in the table of all journals: its type, whose work it is, and what is named apart."""

    type: str
    owner: str
    apart: tuple[str, ...]


@dataclass(slots=True)
class TurnReading:
    """The companies of one attempt, whose rows the sources count in `tally`."""

    lists: WorkLists
    tally: WorkTally
    days: DateSpan
    base_url: str
    names_listed: bool = False
    seen: set[str] = field(default_factory=set)  # companies that any list has shown
    ledger_journals: set[tuple[int, str]] = field(default_factory=set)
    _refs: dict[str, WorkRef] = field(default_factory=dict)
    _types: dict[tuple[str, str], str] = field(default_factory=dict)
    _nameless: dict[str, str] = field(default_factory=dict)
    _named: set[str] = field(default_factory=set)
    _states_listed: bool = False
    _states: dict[tuple[int, str], JournalState] | AnswerMisread | None = None

    def __post_init__(self) -> None:
        self._refs = {name_key(ref.erp_id): ref for ref in self.tally.refs}

    def company(self, row: Mapping[str, Any], name: str = "dataAreaId") -> WorkRef | None:
        """The company of a row, None for one that is not read; raises InvalidRow for a row of no company."""
        key = name_key(text_field(row, name))
        self.seen.add(key)
        return self._refs.get(key)

    def each(
        self,
        rows: Iterable[Any],
        parts: Collection[PartKey],
        add: Callable[[WorkRef, Mapping[str, Any]], None],
        company: str = "dataAreaId",
    ) -> None:
        """Pass on the rows of our companies; one that breaks the contract makes gaps of the parts of its company.

        A row of no company could be anybody's.
        """
        for row in rows:
            try:
                ref = self.company(row, company)
            except InvalidRow as error:
                self.miss(None, parts, f"A row of Finance & Operations names no company: {error}.")
                continue
            if ref is None:
                continue
            try:
                add(ref, row)
            except InvalidRow as error:
                self.miss(ref, parts, f"A row of Finance & Operations cannot be read: {error}.")

    def miss(self, ref: WorkRef | None, parts: Collection[PartKey], words: str) -> None:
        """These parts of a company could not be read this time; without a company, those of all."""
        for one in self.tally.refs if ref is None else (ref,):
            for part in parts:
                self.tally.miss(one, part, words if ref is None else f"{ref.erp_id}: {words}")

    def link(self, ref: WorkRef, menu_item: str = "") -> str | None:
        """The page of a menu item in a company."""
        return finops_work_link(self.base_url, ref.erp_id, menu_item)

    def late(self, ref: WorkRef, dated: date | None, posting: date | None, item: WorkItem) -> None:
        """Count an invoice that is dated in a period and is to be posted after it."""
        period = ref.period_at(dated)
        if period is not None and posting is not None and posting > period.span.last:
            self.tally.add(ref, LATE_INVOICES, dated, replace(item, apart=()))

    # --- journal names and the table of journals ------------------------------------------------------------------

    def read_names(self) -> None:
        """The journal names of each company and their types; where they are not shown, types may be unknown."""
        try:
            rows = self.lists.rows("JournalNames", select="dataAreaId,Name,Type", orderby="dataAreaId,Name")
        except SetUnread:
            return
        self.names_listed = True
        for row in rows:
            try:
                company = name_key(text_field(row, "dataAreaId"))
            except InvalidRow as error:
                raise AnswerMisread(f"JournalNames: a row names no company: {error}.") from None
            self._named.add(company)
            try:
                key = company, name_key(text_field(row, "Name"))
                self._types[key] = optional_text_field(row, "Type") or ""
            except InvalidRow as error:
                self._nameless[company] = f"Its journal names cannot be read: {error}."

    def shows(self, ref: WorkRef) -> bool:
        """Whether the application's user may see the rows of a company.

        Every company that keeps books has journal names; without their list, any row of a company will do.
        """
        return name_key(ref.erp_id) in (self._named if self.names_listed else self.seen)

    @property
    def states_listed(self) -> bool:
        """Whether the table of all journals is shown, which has the type of each."""
        self.states()
        return self._states_listed

    def states(self) -> Mapping[tuple[int, str], JournalState]:
        """Unposted journals of all modules by company (entity id) and number; empty where the set is not shown."""
        if self._states is None:
            try:
                self._states = self._read_states()
            except AnswerMisread as error:
                self._states = error
        if isinstance(self._states, AnswerMisread):
            raise self._states
        return self._states

    def _read_states(self) -> dict[tuple[int, str], JournalState]:
        states: dict[tuple[int, str], JournalState] = {}

        def add(ref: WorkRef, row: Mapping[str, Any]) -> None:
            number = text_field(row, "JournalNum")
            flags = {
                "approved_waiting": optional_text_field(row, "WorkflowApprovalStatus") == _APPROVED,
                "in_use": bool(optional_text_field(row, "InUseBy")),
                "blocked_by_system": optional_text_field(row, "SystemBlocked") == "Yes",
            }
            states[ref.entity, name_key(number)] = JournalState(
                optional_text_field(row, "JournalType") or "",
                optional_text_field(row, "SysCreatedBy") or "",
                tuple(word for word, is_set in flags.items() if is_set),
            )

        properties = "JournalNum,JournalType,WorkflowApprovalStatus,InUseBy,SystemBlocked,SysCreatedBy"
        try:
            rows = self.lists.rows(
                "LedgerJournalTableBiEntities",
                select=f"dataAreaId,{properties}",
                filter=NOT_POSTED["Posted"],
                orderby="dataAreaId,JournalNum",
            )
        except SetUnread:
            return states
        self._states_listed = True
        self.each(rows, MERGED, add)
        return states

    def type_of(self, ref: WorkRef, journal_name: str, state: JournalState | None) -> str:
        """The type of a journal; "" where its name has none. Raises InvalidRow if the name's row was unreadable."""
        if state is not None and state.type:
            return state.type
        key = name_key(ref.erp_id)
        if key in self._nameless:
            raise InvalidRow(self._nameless[key])
        return self._types.get((key, name_key(journal_name)), "")


# Parts of journals that the table of all journals says more about.
MERGED: tuple[PartKey, ...] = (
    (BlockerKind.UNPOSTED_JOURNALS, ""),
    (BlockerKind.UNPOSTED_DOCUMENTS, "vendor_invoices"),
    LATE_INVOICES,
    (BlockerKind.UNPOSTED_DOCUMENTS, "customer_invoices"),
)


@dataclass(frozen=True, slots=True)
class PartSource:
    """Sets that are read together, and the parts that they fill; a part may have several sources.

    `count` reads the sets and counts their rows. Not `dated`: see PartCoverage.
    """

    parts: tuple[PartKey, ...]
    sets: tuple[str, ...]
    count: Callable[[TurnReading], None]
    dated: bool = True


def covered(
    sources: Iterable[PartSource], unread: Mapping[PartSource, Doubt], at_least: Collection[PartKey]
) -> dict[PartKey, PartCoverage]:
    """What the sources show of each part: a part of which one source is missing is a lower bound."""
    by_part: dict[PartKey, list[PartSource]] = {}
    for source in sources:
        for part in source.parts:
            by_part.setdefault(part, []).append(source)
    coverage = {}
    for part, own in by_part.items():
        shown = [source for source in own if source not in unread]
        sets = tuple(name for source in shown for name in source.sets)
        if not shown:
            coverage[part] = PartCoverage(Coverage.NOT_READABLE, unread[own[0]])
        elif len(shown) < len(own) or part in at_least:
            coverage[part] = PartCoverage(Coverage.AT_LEAST, None, sets, own[0].dated)
        else:
            coverage[part] = PartCoverage(Coverage.COMPLETE, None, sets, own[0].dated)
    return coverage

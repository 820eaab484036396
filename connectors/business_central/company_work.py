"""The unfinished work of one company in one turn: its requests, what they leave unread, and the facts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from closing.blockers.blocker_facts import BlockerFact, Doubt
from closing.blockers.blocker_kinds import CountedUnit
from closing.calendar.days import DateSpan
from connectors.business_central.api_groups import STANDARD, group_url
from connectors.business_central.links import work_link
from connectors.ledger_source import SourceSettings
from connectors.odata.lists import InvalidRow, ODataClient, odata_query, optional_text_field
from connectors.work_source import Coverage, PartCoverage, PartKey, WorkRef
from connectors.work_tally import WorkTally
from infra.outbound.errors import AccessRefused, AnswerMisread, RequestFailed, ServerUnavailable

NOT_FOUND = frozenset({404, 410})


@dataclass(slots=True)
class CompanyWork:
    """One company's part of a turn; `companion` names the sets that the optional extension publishes.

    `coverage` says of each part of the turn how much the source shows, as the environment does until a request of
    this company shows otherwise. `made` has facts that are not sums of rows.
    """

    client: ODataClient
    settings: SourceSettings
    ref: WorkRef
    identity: str
    name: str
    days: DateSpan
    read_at: datetime
    companion: Set[str]
    coverage: dict[PartKey, PartCoverage] = field(default_factory=dict)
    units: dict[PartKey, CountedUnit] = field(default_factory=dict)
    made: dict[PartKey, list[BlockerFact]] = field(default_factory=dict)
    refused: dict[PartKey, Doubt] = field(default_factory=dict)
    answered: int = 0
    errors: list[RequestFailed] = field(default_factory=list)
    tally: WorkTally = field(init=False)

    def __post_init__(self) -> None:
        self.tally = WorkTally([self.ref], self.read_at)

    def rows(
        self,
        name: str,
        parts: Collection[PartKey],
        group: str = STANDARD,
        *,
        refused: Collection[PartKey] | None = None,
        **options: str,
    ) -> list[Any] | None:
        """The rows of a set; None where the request of these parts, or of those that are `refused` with it, failed.

        Raises RequestFailed for what concerns the whole environment.
        """
        root = group_url(self.client, self.settings, group)
        query = odata_query(**options) if options else ""
        try:
            rows = self.client.rows(f"{root}/companies({self.identity})/{name}{query}")
        except RequestFailed as error:
            if is_refused(error):
                self.answered += 1
                for part in parts if refused is None else refused:
                    self.refuse(part, Doubt.NOT_PUBLISHED if error.status in NOT_FOUND else Doubt.REFUSED)
            elif is_of_company(error):
                self.errors.append(error)
                self.miss(parts, error.words)
            else:
                raise
            return None
        self.answered += 1
        return rows

    def lines(self, row: Any, name: str) -> list[Any]:
        """The rows that $expand put into a row, with those of a next page of them.

        Raises InvalidRow, and RequestFailed for what concerns the whole environment.
        """
        rows = row.get(name) if isinstance(row, dict) else None
        if not isinstance(rows, list):
            raise InvalidRow(f"{name} is not a list")
        link = row.get(f"{name}@odata.nextLink")
        if link is None:
            return rows
        try:
            return [*rows, *self.client.rows(str(link))]
        except RequestFailed as error:
            if is_refused(error) or is_of_company(error):
                raise InvalidRow(error.words.rstrip(".")) from None
            raise

    @contextmanager
    def checked(self, name: str, *parts: PartKey) -> Iterator[None]:
        """Within it a row of the set that breaks the contract makes a gap of these parts."""
        try:
            yield
        except InvalidRow as error:
            self.miss(parts, f"{name} has a row that cannot be read: {error}.")

    def refuse(self, part: PartKey, doubt: Doubt) -> None:
        """The source does not show this part of the company."""
        self.refused[part] = doubt
        self.tally.refuse(self.ref, part, doubt)

    def miss(self, parts: Iterable[PartKey], words: str) -> None:
        """These parts could not be read this time."""
        for part in parts:
            self.tally.miss(self.ref, part, f"{self.ref.code}: {words}")

    def is_missed(self, part: PartKey) -> bool:
        return any((gap.kind, gap.part) == part for gap in self.tally.gaps())

    def link(self, name: str) -> str | None:
        return work_link(self.settings, self.name, name)

    def cover(self, part: PartKey, coverage: Coverage, doubt: Doubt | None = None, *sets: str) -> None:
        self.coverage[part] = PartCoverage(coverage, doubt, sets)

    def facts(self) -> list[BlockerFact]:
        """The facts of the turn: those made, and the sums of all other parts."""
        counted = {part: covered for part, covered in self.coverage.items() if part not in self.made}
        made = [
            replace(fact, coverage=self.coverage[part].sets)
            for part, facts in self.made.items()
            if not self.is_missed(part)
            for fact in facts
        ]
        return [*made, *self.tally.facts(counted, self.units)]


def is_refused(error: RequestFailed) -> bool:
    """Whether a company, or a set of it, is refused or does not exist; a refused sign-in is the environment's."""
    return isinstance(error, AccessRefused) and error.status in {403, *NOT_FOUND}


def is_of_company(error: RequestFailed) -> bool:
    """Whether a failure may concern one set of one company only.

    An extension that fails in one company gives 500 every time; it must not hide the other companies. A redirection
    is a login page in front of all.
    """
    if isinstance(error, ServerUnavailable):
        return error.status == 500
    return isinstance(error, AnswerMisread) and not 300 <= (error.status or 0) < 400


def option_field(row: Mapping[str, Any], name: str, members: Set[str]) -> str:
    """A word of an option or enumeration, whether blanks are encoded or not; raises InvalidRow for an unknown one."""
    word = decoded(optional_text_field(row, name) or "").strip()
    if word not in members:
        raise InvalidRow(f"{name} is a word that the contract does not know: {word[:40]!r}")
    return word


def decoded(text: str) -> str:
    """`In_x0020_Review` as `In Review` (03-erp-contracts 8: UNVERIFIED which of the two is sent)."""
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda match: chr(int(match[1], 16)), text)

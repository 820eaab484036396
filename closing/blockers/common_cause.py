"""The cause that late entities likely share (08-blockers-and-tasks 4, last rule)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from closing.blockers.blocker_kinds import BlockerKind, board_rank, shown_as
from closing.blockers.blocker_phrases import EntityNames
from closing.blockers.weighing import Blocker, BlockerLevel


class CauseKind(StrEnum):
    """The kinds of cause that late entities may share."""

    COUNTERPARTY = "counterparty"
    CONNECTION = "connection"
    PERSON = "person"
    BLOCKER_KIND = "blocker_kind"


@dataclass(frozen=True, slots=True)
class EntityCauses:
    """An entity with its possible causes: connection, owner (names, "" without one) and blockers."""

    code: str
    name: str
    late: bool
    connection: str
    owner: str
    blockers: tuple[Blocker, ...] = ()

    @property
    def warned(self) -> frozenset[BlockerKind]:
        """The kinds that are warned on."""
        return frozenset(blocker.kind for blocker in self.blockers if blocker.level is BlockerLevel.WARNING)

    @property
    def unread(self) -> frozenset[BlockerKind]:
        """The kinds of which something is not readable: they may be in the way or not."""
        return frozenset(
            blocker.kind for blocker in self.blockers if blocker.level is BlockerLevel.NOT_READABLE
        )

    @property
    def counterparties(self) -> frozenset[str]:
        """The codes of the entities with which it is out of step, as warned."""
        return frozenset(
            code
            for blocker in self.blockers
            if blocker.kind is BlockerKind.INTERCOMPANY_IMBALANCE and blocker.level is BlockerLevel.WARNING
            for code in blocker.part.split("/")
            if code not in ("", self.code)  # without codes: counterparties that the reader may not see
        )


@dataclass(frozen=True, slots=True)
class CommonCause:
    """The likely cause of several late entities: its kind, its code or name, and a sentence for the headline."""

    kind: CauseKind
    name: str
    sentence: str


def common_cause(entities: Iterable[EntityCauses], names: EntityNames) -> CommonCause | None:
    """The cause that all late entities share, and fewer than half of the others; None without one.

    There is none for a single late entity, nor where nobody is left to compare with: a cause that the
    others share as well explains nothing. A kind that is not readable counts as shared by the others.
    """
    every = list(entities)
    late = [entity for entity in every if entity.late]
    others = [entity for entity in every if not entity.late]
    if len(late) < 2:
        return None
    return (
        _counterparty(late, others, names)
        or _named(CauseKind.CONNECTION, late, others, lambda entity: entity.connection)
        or _named(CauseKind.PERSON, late, others, lambda entity: entity.owner)
        or _kind(late, others)
    )


def _is_rare(sharing: int, others: int) -> bool:
    return 2 * sharing < others


def _counterparty(
    late: Sequence[EntityCauses], others: Sequence[EntityCauses], names: EntityNames
) -> CommonCause | None:
    """An entity with which all other late ones are out of step; or the two late ones with each other."""
    having = Counter(code for entity in late for code in entity.counterparties)
    late_codes = {entity.code for entity in late}
    codes = [
        code for code, count in having.items() if count == len(late) - (code in late_codes) and count > 1
    ]
    for code in sorted(codes, key=lambda code: (names.get(code, code).casefold(), code)):
        rest = [entity for entity in others if entity.code != code]
        if _is_rare(sum(code in entity.counterparties for entity in rest), len(rest)):
            return _cause(CauseKind.COUNTERPARTY, code, f"intercompany with {names.get(code, code)}", late)
    if len(late) == 2 and late[1].code in late[0].counterparties:
        pair = "/".join(sorted(entity.code for entity in late))
        return _cause(CauseKind.COUNTERPARTY, pair, "the intercompany balance between them", late)
    return None


_CAUSE_PHRASES: Mapping[CauseKind, str] = {
    CauseKind.CONNECTION: "the connection {name}",
    CauseKind.PERSON: "their owner {name}",
}


def _named(
    kind: CauseKind,
    late: Sequence[EntityCauses],
    others: Sequence[EntityCauses],
    name_of: Callable[[EntityCauses], str],
) -> CommonCause | None:
    shared = {name_of(entity) for entity in late}
    name = shared.pop()
    if shared or not name or not _is_rare(sum(name_of(entity) == name for entity in others), len(others)):
        return None
    return _cause(kind, name, _CAUSE_PHRASES[kind].format(name=name), late)


def _kind(late: Sequence[EntityCauses], others: Sequence[EntityCauses]) -> CommonCause | None:
    shared = frozenset.intersection(*(entity.warned for entity in late))
    for kind in sorted(shared, key=board_rank):
        if _is_rare(sum(kind in entity.warned | entity.unread for entity in others), len(others)):
            return _cause(CauseKind.BLOCKER_KIND, kind.value, shown_as(kind), late)
    return None


def _cause(kind: CauseKind, name: str, cause: str, late: Sequence[EntityCauses]) -> CommonCause:
    """ "EU DTC BV and US Retail Inc likely share a root cause: intercompany with UK Retail Ltd"."""
    who = " and ".join(entity.name for entity in late) if len(late) == 2 else f"{len(late):,} late entities"
    return CommonCause(kind, name, f"{who} likely share a root cause: {cause}")

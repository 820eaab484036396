"""The key `blockers` of a group or an entity: how its unfinished work is weighed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from closing.blockers.blocker_kinds import KNOWN_KINDS, BlockerKind
from closing.blockers.blocker_policy import KindTracking
from closing.blockers.intercompany import DEFAULT_TOLERANCE, IntercompanyTolerance
from entities.models import Group, LegalEntity
from periods.group_file.added_sections import AddedSection
from periods.group_file.diff import GroupFileDiff, changed_values
from periods.group_file.file_entries import ExistingRows, FileEntry, KnownNames
from periods.group_file.shape import GroupFileItem, optional, required, whole_number
from periods.group_file.spellings import did_you_mean
from worklist.weighing_policies import policy_words, publish_blocker_policy, stated_policies, tolerance_body

_TRACKING = {word.value.replace("_", " "): word.value for word in KindTracking}
_YES_OR_NO = {"true": KindTracking.YES.value, "false": KindTracking.NO.value}
_KINDS = [kind.value for kind in KNOWN_KINDS if kind is not BlockerKind.INVENTORY_NOT_CLOSED]
_MOST = 999_999


def _tracking(text: str) -> str:
    word = text.lower().replace("_", " ")
    found = _TRACKING.get(word) or _YES_OR_NO.get(word)
    if found is None:
        raise ValueError(f"{text!r} is not one of {', '.join(_TRACKING)}")
    return found


def _amount(text: str) -> Decimal:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,2})?", text, re.ASCII):
        raise ValueError(f"{text!r} is not an amount; it is written like 1.00")
    return Decimal(text)


def _percent(text: str) -> Decimal:
    if not re.fullmatch(r"\d{1,3}(\.\d{1,4})?", text, re.ASCII) or Decimal(text) > 100:
        raise ValueError(f"{text!r} is not a percentage from 0 to 100; it is written like 0.1")
    return Decimal(text)


_Limit = Annotated[int | None, optional(partial(whole_number, low=0, high=_MOST))]


class ToleranceItem(GroupFileItem):
    """How far two counterparties may be apart: a share of the larger side, within two amounts."""

    least: Annotated[Decimal, required(_amount)] = DEFAULT_TOLERANCE.least
    percent: Annotated[Decimal, required(_percent)] = DEFAULT_TOLERANCE.share * 100
    most: Annotated[Decimal, required(_amount)] = DEFAULT_TOLERANCE.most


class BlockersItem(GroupFileItem):
    """The choices of the group or entity that it stands in; what it leaves out comes from the policy above."""

    unposted_warn_above: _Limit = None
    accruals_warn_above: _Limit = None
    inventory_close_needed: Annotated[str | None, optional(_tracking)] = None
    tolerance: ToleranceItem | None = None
    kinds: dict[str, Annotated[str, required(_tracking)]] = {}


def policy_body(item: BlockersItem) -> dict[str, Any]:
    """The choices of an item as a version stores them."""
    body: dict[str, Any] = {
        key: value
        for key in ("unposted_warn_above", "accruals_warn_above", "inventory_close_needed")
        if (value := getattr(item, key)) is not None
    }
    if item.tolerance is not None:
        chosen = item.tolerance
        body["tolerance"] = tolerance_body(
            IntercompanyTolerance(chosen.least, chosen.percent / 100, chosen.most)
        )
    if item.kinds:
        body["tracking"] = dict(sorted(item.kinds.items()))
    return body


def _owner(entry: FileEntry[BlockersItem], rows: ExistingRows) -> Group | LegalEntity:
    code = entry.outer["code"]
    return rows.groups[code] if entry.path[0] == "groups" else rows.entities[code]


class _Policies:
    def check(
        self, entries: Sequence[FileEntry[BlockersItem]], names: KnownNames, existing: ExistingRows
    ) -> None:
        for entry in entries:
            for kind in entry.item.kinds:
                if kind == BlockerKind.INVENTORY_NOT_CLOSED:
                    entry.refuse(f"`{kind}` is set by the key `inventory_close_needed`", "kinds", kind)
                elif kind not in _KINDS:
                    hint = did_you_mean(kind, _KINDS) or f"the kinds are {', '.join(_KINDS)}"
                    entry.refuse(f"there is no kind `{kind}`; {hint}", "kinds", kind)
            tolerance = entry.item.tolerance
            if tolerance is None:
                continue
            if entry.path[0] == "entities":
                entry.refuse("a tolerance is agreed for a group: give it there", "tolerance")
            if tolerance.most < tolerance.least:
                words = f"`most` {tolerance.most} lies below `least` {tolerance.least}"
                entry.refuse(words, "tolerance", "most")

    def write(
        self, entries: Sequence[FileEntry[BlockersItem]], rows: ExistingRows, diff: GroupFileDiff
    ) -> None:
        places = [_owner(entry, rows) for entry in entries]
        stated = stated_policies(places)
        for entry, where in zip(entries, places, strict=True):
            body, before = policy_body(entry.item), stated.get(where)
            if before is None and not body:
                continue  # nothing was chosen, and nothing is
            if before == body:
                diff.unchanged += 1
                continue
            publish_blocker_policy(where, body, diff.as_of)
            label = f"blockers of {'group' if isinstance(where, Group) else 'entity'} {where.code}"
            words, old = policy_words(body), policy_words(before or {})
            if before is None:
                diff.add_line(f"{label}: {', '.join(f'{key} {text}' for key, text in words.items())}")
                continue
            keys = list({**old, **words})
            diff.change_line(
                label,
                changed_values(
                    {key: old.get(key, "inherited") for key in keys},
                    {key: words.get(key, "inherited") for key in keys},
                ),
            )


BLOCKERS = AddedSection("blockers", BlockersItem, _Policies(), within=("groups", "entities"), many=False)

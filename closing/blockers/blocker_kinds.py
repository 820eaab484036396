"""The kinds of unfinished work, the parts of unposted documents, and the nouns and endings of their phrases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from closing.blockers.entity_profile import EntityProfile, ProfileFeature, not_applicable_without


class BlockerKind(StrEnum):
    """The kinds of chapter 2, in its order; NOT_UNDERSTOOD stands for one that a newer version stored."""

    UNPOSTED_JOURNALS = "unposted_journals"
    RECURRING_DUE = "recurring_due"
    UNPOSTED_DOCUMENTS = "unposted_documents"
    LATE_INVOICES = "late_invoices"
    SUBLEDGER_NOT_TRANSFERRED = "subledger_not_transferred"
    DEPRECIATION_NOT_POSTED = "depreciation_not_posted"
    INVENTORY_NOT_CLOSED = "inventory_not_closed"
    COSTS_NOT_ADJUSTED = "costs_not_adjusted"
    BANK_NOT_RECONCILED = "bank_not_reconciled"
    INTERCOMPANY_IMBALANCE = "intercompany_imbalance"
    INTERCOMPANY_PENDING = "intercompany_pending"
    ACCRUAL_REVERSALS = "accrual_reversals"
    APPROVALS_WAITING = "approvals_waiting"
    REVALUATION_NOT_RUN = "revaluation_not_run"
    OPEN_TASKS = "open_tasks"
    NOT_UNDERSTOOD = "not_understood"  # never stored


KNOWN_KINDS = tuple(kind for kind in BlockerKind if kind is not BlockerKind.NOT_UNDERSTOOD)


class CountedUnit(StrEnum):
    """The units in which facts count."""

    LINES = "lines"
    DOCUMENTS = "documents"
    VOUCHERS = "vouchers"
    JOURNALS = "journals"
    RUN = "run"
    ENTRIES = "entries"
    STATEMENTS = "statements"
    COUNTERPARTIES = "counterparties"
    ITEMS = "items"
    TASKS = "tasks"


class DocumentPart(StrEnum):
    """The parts of `unposted_documents`, each read from a set of its own."""

    CUSTOMER_INVOICES = "customer_invoices"
    CUSTOMER_MEMOS = "customer_memos"
    VENDOR_INVOICES = "vendor_invoices"
    VENDOR_MEMOS = "vendor_memos"
    CUSTOMER_PAYMENTS = "customer_payments"
    VENDOR_PAYMENTS = "vendor_payments"
    INVENTORY_JOURNALS = "inventory_journals"
    PROJECT_JOURNALS = "project_journals"
    EXPENSE_JOURNALS = "expense_journals"


@dataclass(frozen=True, slots=True)
class KindSpec:
    """The name, unit and phrase of a kind, and the rules that concern it.

    `shown_as` names it where it cannot be read and in filters; a phrase is "61 lines" with `adjective` before and
    `ending` after the noun. `left_behind`: it can be left behind in a period in which nobody can post (row 6).
    `needs` is the feature without which it does not apply.
    """

    shown_as: str
    unit: CountedUnit
    ending: str
    adjective: str = ""
    left_behind: bool = False
    needs: ProfileFeature | None = None


KINDS: Mapping[BlockerKind, KindSpec] = {
    BlockerKind.UNPOSTED_JOURNALS: KindSpec(
        "unposted journal lines", CountedUnit.LINES, "not posted", left_behind=True
    ),
    BlockerKind.RECURRING_DUE: KindSpec(
        "recurring journals", CountedUnit.LINES, "not posted", "recurring", left_behind=True
    ),
    BlockerKind.UNPOSTED_DOCUMENTS: KindSpec(
        "unposted documents", CountedUnit.DOCUMENTS, "not posted", left_behind=True
    ),
    BlockerKind.LATE_INVOICES: KindSpec("late invoices", CountedUnit.DOCUMENTS, "to post later"),
    BlockerKind.SUBLEDGER_NOT_TRANSFERRED: KindSpec(
        "subledger transfers",
        CountedUnit.VOUCHERS,
        "not transferred to the ledger",
        left_behind=True,
    ),
    BlockerKind.DEPRECIATION_NOT_POSTED: KindSpec(
        "depreciation journals",
        CountedUnit.JOURNALS,
        "not posted",
        "depreciation",
        left_behind=True,
        needs=ProfileFeature.FIXED_ASSETS,
    ),
    BlockerKind.INVENTORY_NOT_CLOSED: KindSpec(
        "inventory periods", CountedUnit.RUN, "missing", needs=ProfileFeature.INVENTORY
    ),
    BlockerKind.COSTS_NOT_ADJUSTED: KindSpec(
        "cost adjustments",
        CountedUnit.ENTRIES,
        "not adjusted",
        "cost",
        left_behind=True,
        needs=ProfileFeature.INVENTORY,
    ),
    BlockerKind.BANK_NOT_RECONCILED: KindSpec(
        "bank reconciliations", CountedUnit.LINES, "not reconciled", "bank"
    ),
    BlockerKind.INTERCOMPANY_IMBALANCE: KindSpec(
        "intercompany balances",
        CountedUnit.COUNTERPARTIES,
        "out of step",
        "intercompany",
        needs=ProfileFeature.INTERCOMPANY,
    ),
    BlockerKind.INTERCOMPANY_PENDING: KindSpec(
        "pending intercompany documents",
        CountedUnit.DOCUMENTS,
        "pending",
        "intercompany",
        needs=ProfileFeature.INTERCOMPANY,
    ),
    BlockerKind.ACCRUAL_REVERSALS: KindSpec(
        "reversed accrual journals", CountedUnit.JOURNALS, "reversed", "accrual"
    ),
    BlockerKind.APPROVALS_WAITING: KindSpec(
        "items waiting for approval", CountedUnit.ITEMS, "waiting for approval"
    ),
    BlockerKind.REVALUATION_NOT_RUN: KindSpec(
        "exchange rate revaluations", CountedUnit.RUN, "not run", needs=ProfileFeature.FOREIGN_CURRENCY
    ),
    BlockerKind.OPEN_TASKS: KindSpec("open tasks", CountedUnit.TASKS, "open"),
    BlockerKind.NOT_UNDERSTOOD: KindSpec("other work", CountedUnit.ITEMS, "not understood"),
}

# Where the board has room for two only, the first of equals (issue 13: lines, intercompany, inventory).
_BOARD_ORDER = (
    BlockerKind.UNPOSTED_JOURNALS,
    BlockerKind.UNPOSTED_DOCUMENTS,
    BlockerKind.RECURRING_DUE,
    BlockerKind.INTERCOMPANY_IMBALANCE,
    BlockerKind.INVENTORY_NOT_CLOSED,
)
_RANK = {kind: rank for rank, kind in enumerate(dict.fromkeys((*_BOARD_ORDER, *BlockerKind)))}

_NOUNS = {
    CountedUnit.LINES: ("line", "lines"),
    CountedUnit.DOCUMENTS: ("document", "documents"),
    CountedUnit.VOUCHERS: ("voucher", "vouchers"),
    CountedUnit.JOURNALS: ("journal", "journals"),
    CountedUnit.RUN: ("run", "runs"),
    CountedUnit.ENTRIES: ("entry", "entries"),
    CountedUnit.STATEMENTS: ("statement", "statements"),
    CountedUnit.COUNTERPARTIES: ("counterparty", "counterparties"),
    CountedUnit.ITEMS: ("item", "items"),
    CountedUnit.TASKS: ("task", "tasks"),
}
_PART_NOUNS = {
    DocumentPart.CUSTOMER_INVOICES: ("customer invoice", "customer invoices"),
    DocumentPart.CUSTOMER_MEMOS: ("customer credit memo", "customer credit memos"),
    DocumentPart.VENDOR_INVOICES: ("vendor invoice", "vendor invoices"),
    DocumentPart.VENDOR_MEMOS: ("vendor credit memo", "vendor credit memos"),
    DocumentPart.CUSTOMER_PAYMENTS: ("customer payment", "customer payments"),
    DocumentPart.VENDOR_PAYMENTS: ("vendor payment", "vendor payments"),
    DocumentPart.INVENTORY_JOURNALS: ("inventory journal", "inventory journals"),
    DocumentPart.PROJECT_JOURNALS: ("project journal", "project journals"),
    DocumentPart.EXPENSE_JOURNALS: ("expense journal", "expense journals"),
}
_PART_NEEDS = {
    DocumentPart.INVENTORY_JOURNALS: ProfileFeature.INVENTORY,
    DocumentPart.PROJECT_JOURNALS: ProfileFeature.PROJECTS,
}
_MEMOS_OF = {
    DocumentPart.CUSTOMER_INVOICES: DocumentPart.CUSTOMER_MEMOS,
    DocumentPart.VENDOR_INVOICES: DocumentPart.VENDOR_MEMOS,
}


def board_rank(kind: BlockerKind) -> int:
    """The place of a kind among those of one level on the board, 0 first."""
    return _RANK[kind]


def noun(kind: BlockerKind, part: str, unit: CountedUnit, count: int) -> str:
    """The noun for so many: "vendor invoices", "recurring line", "bank statements"."""
    if kind is BlockerKind.UNPOSTED_DOCUMENTS and part:
        one, many = _PART_NOUNS[DocumentPart(part)]
    elif kind is BlockerKind.LATE_INVOICES:
        one, many = "invoice", "invoices"
    else:
        one, many = _NOUNS[unit]
    named = one if count == 1 else many
    return f"{KINDS[kind].adjective} {named}".lstrip()


def counted(kind: BlockerKind, part: str, unit: CountedUnit, count: int) -> str:
    """ "61 lines", "1 vendor invoice", "1,204 cost entries"."""
    return f"{count:,} {noun(kind, part, unit, count)}"


def shown_as(kind: BlockerKind, part: str = "") -> str:
    """The name of a kind and part in the plural: "unposted vendor invoices", "inventory periods"."""
    if kind is BlockerKind.UNPOSTED_DOCUMENTS and part:
        return f"unposted {_PART_NOUNS[DocumentPart(part)][1]}"
    if kind is BlockerKind.NOT_UNDERSTOOD and part:
        return part
    return KINDS[kind].shown_as


def needed_feature(kind: BlockerKind, part: str = "") -> ProfileFeature | None:
    """The feature without which a kind, or a part of unposted documents, does not apply."""
    if kind is BlockerKind.UNPOSTED_DOCUMENTS and part:
        return _PART_NEEDS.get(DocumentPart(part))
    return KINDS[kind].needs


def excluded_because(profile: EntityProfile, kind: BlockerKind, part: str = "") -> str:
    """ "not applicable: no inventory" for a kind that the profile excludes; empty for any other.

    The role excludes no kind: an unposted line of a dormant company is a finding.
    """
    feature = needed_feature(kind, part)
    return "" if feature is None or profile.has(feature) else not_applicable_without(feature)


def excluded_kinds(profile: EntityProfile) -> frozenset[BlockerKind]:
    """The kinds that the profile excludes as a whole; single parts of unposted documents aside."""
    return frozenset(kind for kind in BlockerKind if excluded_because(profile, kind))


def parts_checked(part: DocumentPart) -> frozenset[DocumentPart]:
    """The parts that the ERP check of a task looks at: invoices take the memos of their side with them."""
    return frozenset({part, _MEMOS_OF.get(part, part)})

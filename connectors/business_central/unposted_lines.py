"""Unposted lines of journals and payments (08-blockers-and-tasks 5, 03-erp-contracts 7.4).

Posting deletes a line, so every line in a batch is unposted. The standard API shows lines of one template for each
request, and hides those on vendors and customers; the companion shows all, and which of them recur.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from closing.blockers.blocker_facts import Doubt
from closing.blockers.blocker_kinds import BlockerKind, DocumentPart
from closing.facts.business_central_facts import PostingWindowFacts
from connectors.business_central.api_groups import COMPANION
from connectors.business_central.company_work import CompanyWork, decoded
from connectors.odata.lists import (
    InvalidRow,
    bool_field,
    date_field,
    decimal_field,
    optional_text_field,
    or_filter,
    text_field,
    whole_number_field,
)
from connectors.work_source import Coverage, PartKey
from connectors.work_tally import WorkItem

LINES: PartKey = (BlockerKind.UNPOSTED_JOURNALS, "")
RECURRING: PartKey = (BlockerKind.RECURRING_DUE, "")
ALL_LINES = "unpostedJournalLines"
USUAL_TEMPLATES = ("GENERAL",)
MOST_TEMPLATES = PostingWindowFacts.most_journal_templates
PAYMENTS: Mapping[PartKey, tuple[str, str]] = {
    (BlockerKind.UNPOSTED_DOCUMENTS, DocumentPart.CUSTOMER_PAYMENTS): (
        "customerPaymentJournals",
        "customerPayments",
    ),
    (BlockerKind.UNPOSTED_DOCUMENTS, DocumentPart.VENDOR_PAYMENTS): (
        "vendorPaymentJournals",
        "vendorPayments",
    ),
}
_FIXED = frozenset({"F", "RF"})  # recurring methods whose lines with the amount 0 are unused
_METHODS = _FIXED | {"V", "B", "RV", "RB", "BD", "RBD"}


def read_lines(company: CompanyWork) -> None:
    """Count the lines of journals: all of them where the companion shows them, else those of the named templates."""
    if ALL_LINES in company.companion:
        rows = company.rows(ALL_LINES, [LINES, RECURRING], COMPANION, refused=[RECURRING])
        if rows is not None:
            company.cover(LINES, Coverage.COMPLETE, None, ALL_LINES)
            _add_all_lines(company, rows)
        if rows is not None or company.is_missed(LINES):
            return
    _read_templates(company)


def templates_of(names: Sequence[str]) -> Sequence[str]:
    """The journal templates to read: those of the connection, or the default one."""
    return (names or USUAL_TEMPLATES)[:MOST_TEMPLATES]


def _read_templates(company: CompanyWork) -> None:
    names = templates_of(company.settings.journal_templates)
    company.cover(LINES, Coverage.AT_LEAST, Doubt.PARTY_LINES_HIDDEN, *(f"journals {name}" for name in names))
    found = False
    for name in names:
        batches = company.rows(
            "journals", [LINES], filter=or_filter("templateDisplayName", [name]), expand="journalLines"
        )
        if batches is None:
            return
        found = found or bool(batches)
        _add_lines(company, LINES, "journals", "journalLines", batches)
    if not found:
        # Every template has batches, so none of this name exists in the company.
        company.refuse(LINES, Doubt.NO_ROWS)


def read_payments(company: CompanyWork) -> None:
    """Count the lines of payment journals: only the first template of its type shows its batches here."""
    for part, (journals, payments) in PAYMENTS.items():
        batches = company.rows(journals, [part], expand=payments)
        if batches is not None:
            _add_lines(company, part, journals, payments, batches)


def _add_lines(
    company: CompanyWork, part: PartKey, journals: str, lines: str, batches: Sequence[Any]
) -> None:
    """Add each line as an item; neither set says in which currency an amount is."""
    link = company.link(journals)
    with company.checked(journals, part):
        for batch in batches:
            for line in company.lines(batch, lines):
                day = date_field(line, "postingDate")
                item = WorkItem(
                    text_field(line, "id"),
                    1,
                    optional_text_field(line, "documentNumber") or text_field(batch, "code"),
                    day,
                    decimal_field(line, "amount"),
                    link=link,
                )
                company.tally.add(company.ref, part, day, item)


def _add_all_lines(company: CompanyWork, rows: Sequence[Any]) -> None:
    """Add the companion's groups of lines; its row ids are made at each read, so the group itself is the id."""
    link = company.link("journals")
    with company.checked(ALL_LINES, LINES, RECURRING):
        for row in rows:
            day, recurs = date_field(row, "postingDate"), bool_field(row, "recurring")
            lines = _count(row, "lineCount")
            method = decoded(optional_text_field(row, "recurringMethod") or "").split(" ")[0]
            expires, queued = date_field(row, "expirationDate"), bool_field(row, "pendingInJobQueue")
            batch = text_field(row, "batchName")
            if recurs:
                lines = _recurring_lines(company, row, day, expires, method)
            key = (text_field(row, "templateName"), batch, day, method, expires, "queued" if queued else "")
            item = WorkItem(
                "|".join(str(one or "") for one in key),
                lines,
                batch,
                day,
                decimal_field(row, "debitLCY"),
                link=link,
                apart=("in_job_queue",) if queued else (),
            )
            if lines:
                company.tally.add(company.ref, RECURRING if recurs else LINES, day, item)


def _recurring_lines(
    company: CompanyWork, row: Mapping[str, Any], day: date | None, expires: date | None, method: str
) -> int:
    """The lines of a recurring group that are due in the period of their date; the others are left out there.

    Before that period they are templates: posting them moves their date on by the frequency.
    """
    if method not in _METHODS:
        raise InvalidRow(f"recurringMethod is a word that the contract does not know: {method[:40]!r}")
    lines, zeros = _count(row, "lineCount"), _count(row, "zeroAmountCount")
    if zeros > lines:
        raise InvalidRow(f"zeroAmountCount is {zeros} of {lines} lines")
    if expires is not None and day is not None and expires < day:
        company.tally.leave_out(company.ref, RECURRING, day, "expired", lines)
        return 0
    empty = zeros if method in _FIXED else 0
    if empty:
        company.tally.leave_out(company.ref, RECURRING, day, "empty", empty)
    for period in company.ref.periods:
        if day is not None and period.span.last < day:
            company.tally.leave_out(company.ref, RECURRING, period.span.last, "template", lines)
    return lines - empty


def _count(row: Mapping[str, Any], name: str) -> int:
    number = whole_number_field(row, name)
    if number < 0:
        raise InvalidRow(f"{name} is {number}")
    return number

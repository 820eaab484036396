"""Two kinds of notice beyond those of the product: one with a specification of its own, and one that has none."""

from __future__ import annotations

from datetime import datetime

from alerts.models import Notice
from alerts.notices.entity_sections import entity_section
from alerts.notices.spec import NoticeSpec
from closing.calendar.date_phrases import month_and_year
from periods.models import FiscalPeriod
from tests.builders import MAY

SIGNED_BOOKS = entity_section(
    55,
    "with signed books",
    one=lambda case, when: f"{case.short_name} has signed its books for {month_and_year(case.month)}",
    note=lambda cases: "Nothing of the month may change any more.",
)
SIGNED = NoticeSpec(
    *("books_signed", "Books signed", "closed", "ok"),
    help="The books of a month were signed.",
    post_help="its books were signed",
    month_section=lambda row: SIGNED_BOOKS,
)
UNKNOWN = "audit_hold"  # as a process of a newer version may store it


def save_notice(kind: str, code: str, at: datetime) -> Notice:
    """A notice of this kind about May of an entity, as if an evaluation had just raised it."""
    period = FiscalPeriod.objects.get(entity__code=code, reporting_month=MAY)
    return Notice.objects.create(
        kind=kind,
        period=period,
        episode=1,
        reason="a reason of a newer version",
        raised_at=at,
        read_at=at,
        state="open",
        fresh=True,
    )

"""The native facts of one accounting period in Business Central."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class PostingWindowFacts:
    """The company's allowed posting range and the period's own flags, as Business Central gives them.

    A bound is None when blank, which means no limit on that side (03-erp-contracts fact 8).
    `year_closed` is `accountingPeriods.closed`: the fiscal year is closed; posting may still go on.
    `assumed_end` is set if the ERP gives no end and ours is assumed (from the last row on, or no periods at all).
    """

    allowed_from: date | None
    allowed_to: date | None
    year_closed: bool = False
    date_locked: bool = False
    assumed_end: bool = False

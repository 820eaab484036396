"""Reporting months that an administrator sets by hand, for a period named by its last day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date

from django.db.models import QuerySet

from closing.calendar.date_phrases import full_date, month_and_year
from closing.calendar.months import month_end
from closing.facts.readings import PeriodType
from entities.audit_trail import Verb, entity_object
from entities.models import LegalEntity
from periods.group_file.diff import FieldChange, GroupFileDiff
from periods.group_file.shape import ReportingMonthItem
from periods.models import FiscalPeriod
from periods.recording.reporting_months import remap_earlier_periods

_FAR = 62  # days between the end of a period and that of its month; more is a mistake


def _listed() -> QuerySet[FiscalPeriod]:
    """The operating periods that the ERP still lists."""
    return FiscalPeriod.objects.filter(type=PeriodType.OPERATING.value).exclude(state="unknown", facts=None)


def period_ends(codes: Collection[str]) -> Mapping[str, Collection[date]]:
    """The last days of the periods of these entities, by code."""
    ends: dict[str, set[date]] = defaultdict(set)
    if codes:
        for code, last in _listed().filter(entity__code__in=codes).values_list("entity__code", "last_day"):
            ends[code].add(last)
    return ends


def month_problem(item: ReportingMonthItem, ends: Collection[date]) -> str:
    """Why this month cannot be set; "" if it can."""
    if item.period_ends not in ends:
        near = sorted(ends, key=lambda last: (abs((last - item.period_ends).days), last))[:2]
        hint = f"; near it end those of {' and '.join(map(full_date, sorted(near)))}" if near else ""
        return f"{item.entity} has no period that ends on {full_date(item.period_ends)}{hint or '; nothing was read'}"
    if item.month is not None and abs((month_end(item.month) - item.period_ends).days) > _FAR:
        return f"{item.period_ends} is not near the end of {month_and_year(item.month)}; is it mistyped?"
    return ""


def write_months(
    items: Sequence[ReportingMonthItem], entities: Mapping[str, LegalEntity], diff: GroupFileDiff
) -> None:
    """Put the periods into these months; a month that is set by hand stays whatever is read."""
    by_hand = {
        (period.entity.code, period.last_day): period
        for period in _listed().filter(month_set_by_hand=True).select_related("entity").order_by("pk")
    }
    by_rule: set[int] = set()
    for item in items:
        key = item.entity, item.period_ends
        periods = _listed().filter(entity__code=item.entity, last_day=item.period_ends)
        label = f"month of the period of {item.entity} that ends on {full_date(item.period_ends)}"
        old = by_hand.pop(key, None)
        before = "by rule" if old is None else month_and_year(old.reporting_month)
        now = "by rule" if item.month is None else month_and_year(item.month)
        month = old.reporting_month if old is not None else None
        changes = (
            []
            if now == before
            else [FieldChange(f"month of {item.period_ends}", month, item.month, f"{before} -> {now}")]
        )
        diff.change(label, changes, Verb.MONTH_SET, entity_object(entities[item.entity]))
        if not changes:
            continue
        if item.month is None:
            periods.update(month_set_by_hand=False)
            by_rule |= set(periods.values_list("entity", flat=True))
        else:
            periods.update(month_set_by_hand=True, reporting_month=item.month)
    remap_earlier_periods(sorted(by_rule), date.max)
    diff.not_in_file += [
        f"the month of the period of {code} that ends on {full_date(last)}" for code, last in sorted(by_hand)
    ]

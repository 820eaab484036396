"""Attempts to read, fiscal periods with native facts and states, policies, deadlines, the change feed."""

from periods.models.deadline import AgreedDate, DeadlinePolicy, PeriodDeadline, PolicyVersion
from periods.models.feed import ClaimedTick, News
from periods.models.period import STATES, FiscalPeriod, NativeFacts, Remark, StateChange
from periods.models.reading import (
    ConnectionClock,
    PackedAttempts,
    ReadAttempt,
    ReadSpan,
    SyncAttempt,
    SyncGap,
)

__all__ = [
    "STATES",
    "AgreedDate",
    "ClaimedTick",
    "ConnectionClock",
    "DeadlinePolicy",
    "FiscalPeriod",
    "NativeFacts",
    "News",
    "PackedAttempts",
    "PeriodDeadline",
    "PolicyVersion",
    "ReadAttempt",
    "ReadSpan",
    "Remark",
    "StateChange",
    "SyncAttempt",
    "SyncGap",
]

"""Periods that the ERP no longer lists: another one may stand in their place (01-domain 1.3)."""

from __future__ import annotations

from closing.facts.base import NativePeriodFacts
from closing.judging.states import PeriodState
from infra.fast_cursor import fast_cursor

# Only a period that a read no longer found has no native facts.
VANISHED = "({0}.state = 'unknown' AND {0}.facts_id IS NULL)"

_REPLACED = f"""
{VANISHED.format("gone")} AND gone.type = 'operating' AND EXISTS (
    SELECT FROM periods_fiscalperiod listed
    WHERE listed.entity_id = gone.entity_id AND listed.type = 'operating'
      AND NOT {VANISHED.format("listed")}
      AND (listed.reporting_month = gone.reporting_month
           -- a longer one, that began by the month and is due later
           OR (listed.reporting_month > gone.reporting_month AND listed.last_day - listed.first_day >= 32
               AND date_trunc('month', listed.first_day - 16) + interval '1 month' <= gone.reporting_month)))
"""

REPLACED_PERIODS = f"SELECT gone.id FROM periods_fiscalperiod gone WHERE {_REPLACED}"  # noqa: S608 - ours


def is_vanished(state: PeriodState, facts: NativePeriodFacts | None) -> bool:
    """Whether the ERP no longer lists a period with this newest state and these facts."""
    return state is PeriodState.UNKNOWN and facts is None


def replaced_periods() -> set[int]:
    """The operating periods that the ERP no longer lists while it lists another one for the month,
    or a longer one in which the month ends.

    Nothing is judged of them, and nothing is told of them; one query.
    """
    with fast_cursor() as cursor:
        cursor.execute(REPLACED_PERIODS)
        return {period_id for (period_id,) in cursor.fetchall()}

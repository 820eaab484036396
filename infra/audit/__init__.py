"""The audit log: events that writers add in their own transaction, sealed in batches by one sealer."""

LEAST_DAYS_KEPT = 400


def checked_retention(days: int) -> int:
    """The days for which events are kept, 0 for ever; raises ValueError for fewer than LEAST_DAYS_KEPT."""
    if 0 < days < LEAST_DAYS_KEPT:
        raise ValueError(f"audit events are kept for {LEAST_DAYS_KEPT} days at least")
    return days

"""Whether a change was seen after its period had ended, in SQL."""

# `closing.standing.after_period_end` for statements that name their tables `change`, `period` and `entity`.
# A property test holds the two together.
AFTER_PERIOD_END = "(change.seen_at AT TIME ZONE entity.zone)::date > period.last_day"

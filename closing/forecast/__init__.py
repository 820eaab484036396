"""When entities close, learned from their past closes, and what would make the group on time (09-insight)."""

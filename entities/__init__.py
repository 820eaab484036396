"""The group tree, legal entities, work calendars and connections, and people with their access."""

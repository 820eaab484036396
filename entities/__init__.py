"""Who closes: the group tree, legal entities, work calendars, connections, people and what they may see."""

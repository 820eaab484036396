"""Blockers of a close: facts of unfinished work, and their judgement (08-blockers-and-tasks 1 to 8)."""

"""Stores what was read of unfinished work; the one place where blocker readings are written."""

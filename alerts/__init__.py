"""Overdue flags and overruns evaluated from the facts, notices, and their messages to people and destinations."""

"""Generates, reads and changes close tasks; `task_acts_store` is the one place where their status is written."""

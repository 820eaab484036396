"""Reads the ERPs: a connector only reads; it makes no decisions and stores nothing."""

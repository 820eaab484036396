"""Unfinished work of each entity: blockers read from the ERPs."""

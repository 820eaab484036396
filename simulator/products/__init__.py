"""Plays Finance & Operations and Business Central."""

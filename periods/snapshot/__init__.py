"""Boards of any month at any moment, built from the rows."""

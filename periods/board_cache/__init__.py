"""Boards of now that a process keeps, and the change feed that brings them up to date."""

"""Handles HTTP: requests and answers, tokens, limits, the log, and broken connections."""

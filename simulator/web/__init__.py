"""Requests and answers, tokens, limits, the log, and how a connection breaks."""

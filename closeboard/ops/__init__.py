"""Starts, watches and stops the programs that Closeboard needs."""

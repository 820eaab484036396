"""Spoils answers on purpose, by faults that a test switches on."""

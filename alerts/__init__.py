"""Telling people: overdue flags and overrun episodes, evaluated from the facts."""

"""Raised alerts, and the settings of notifications: recipients, rules, destinations, silences."""

"""Alerts that were raised, and who is notified, how and where."""

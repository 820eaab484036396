"""Fiscal periods, their states as read from the ERPs, and the deadlines set for them."""

"""Describes the simulated group: scenarios, their changes over time, instants."""

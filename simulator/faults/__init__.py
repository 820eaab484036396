"""Faults that strike answers on purpose."""

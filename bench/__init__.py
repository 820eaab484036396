"""Measurements P4, P5, P6, P8 and P9 of 06-performance: our path beside its baselines and limits, on this machine."""

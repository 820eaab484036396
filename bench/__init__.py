"""Benchmarks P1 to P9 of 06-performance: Closeboard beside its baselines and limits, on this machine."""

"""Addresses served beside Closeboard's own in the same process, as baselines."""

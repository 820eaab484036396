"""Addresses that stand beside Closeboard's own in the same server process, to be measured against them."""

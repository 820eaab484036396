"""Simulates the ERPs over HTTP: Entra's token endpoint, Finance & Operations and Business Central.

A plain ASGI application without a framework; it imports nothing of Closeboard, so that client and server
are written from the vendors' contracts and not from each other.
"""

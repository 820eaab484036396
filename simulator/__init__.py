"""Stand-ins for the ERPs: Entra's token endpoint, Finance & Operations and Business Central over HTTP.

A plain ASGI application without a framework; it imports nothing of Closeboard, so that both sides of the wire
are written from the vendors' contracts and not from each other.
"""

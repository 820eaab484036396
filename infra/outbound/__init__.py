"""Requests to other servers: checked addresses, one deadline, byte limits, strict JSON, readable errors."""

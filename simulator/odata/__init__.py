"""Implements OData as the ERPs serve it."""

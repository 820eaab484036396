"""Signing in, and a person's saved views."""

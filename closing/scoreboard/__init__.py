"""Rows and boards as values, their headline, differences and fingerprints."""

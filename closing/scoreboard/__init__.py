"""Rows and boards as values, with their headline, differences and fingerprints."""

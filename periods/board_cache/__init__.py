"""The boards that a process caches, and the change feed that keeps them up to date."""

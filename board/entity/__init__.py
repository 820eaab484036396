"""The page of one entity."""

"""Posts to Teams."""

"""Posts to Slack."""

"""The channels that messages leave by: mail, Teams, Slack and webhooks, with their states, and the destinations."""

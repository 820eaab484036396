"""Ways out: mail, Teams, Slack and webhooks, each with its state; destinations and their addresses."""

"""The screens: scoreboard, reports, live stream, entity pages, notification settings and accounts."""

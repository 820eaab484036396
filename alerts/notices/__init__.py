"""The kinds of notices: one specification of each, which every other module asks."""

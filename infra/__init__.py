"""Infrastructure for every layer above, free of business terms: outbound requests, secrets, ticks, cursors."""

"""What every layer above may use and no business word belongs in: outbound requests, secrets, ticks, cursors."""

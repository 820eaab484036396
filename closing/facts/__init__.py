"""What the ERPs and people state, undigested."""

"""What follows from the facts: states, standing, lateness, due notices."""

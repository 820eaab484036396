"""What happens in the simulated group: stories, scenarios, instants."""

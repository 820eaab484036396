"""Days, working days, months, deadlines and instants."""

"""Matrix, calendar, overdue page, and their files."""

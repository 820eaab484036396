"""Matrix, calendar, overdue, and files of all of them."""

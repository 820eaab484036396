"""Messages that are due: claimed, checked, sent, and marked by who still holds them."""

"""Login and saved views."""

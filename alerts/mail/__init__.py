"""What a message says, composed once and written as text and HTML; posts use the same."""

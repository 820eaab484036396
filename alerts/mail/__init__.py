"""The content of messages, composed once and rendered as text and HTML; posts use the same content."""

"""The outbox: senders claim messages that are due, check them, send them and record the outcome."""

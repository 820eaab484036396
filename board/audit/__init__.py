"""The audit log: its page, and its export for auditors."""

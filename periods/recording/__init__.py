"""Records readings of an ERP: attempts, staging, and the one place where a state changes."""

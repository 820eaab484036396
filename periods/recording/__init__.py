"""How a reading of an ERP becomes rows: attempts, staging, the one place where a state changes."""

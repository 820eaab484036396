"""The audit log: events that writers add in their own transaction, sealed in batches by one sealer."""

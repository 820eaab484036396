"""What past closes say of the next ones: records of past months, forecasts, and what would help (09-insight)."""

"""Finance & Operations and Business Central."""

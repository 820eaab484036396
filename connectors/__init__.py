"""The ERP side: each connector only reads, decides nothing and saves nothing."""

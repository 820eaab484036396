"""Templates of close tasks as rows: versions, drafts, and what would be generated from them."""

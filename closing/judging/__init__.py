"""The judgements that follow from the facts: states, standing, lateness, due notices."""

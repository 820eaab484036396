"""What is in the way on the page of an entity: its section, items carried on purpose, the profile, reading again."""

"""How reliable a group's closes were: facts of past months, without any model (09-insight 9.2)."""

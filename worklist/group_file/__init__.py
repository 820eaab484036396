"""The sections and keys of a group file about unfinished work and close tasks."""

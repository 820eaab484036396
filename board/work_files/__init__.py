"""The screens by which unfinished work comes in as a file."""

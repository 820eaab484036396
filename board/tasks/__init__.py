"""The screens of close tasks."""

"""The Django project package: settings and wiring only."""

"""Close tasks: templates, due dates, generation, acts, ERP checks, progress and rounds (08-blockers-and-tasks 9)."""

"""The group file: one readable YAML file that describes a group, its entities, calendars, policies and people."""

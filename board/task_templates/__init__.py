"""Pages of the templates of close tasks: looking, editing, import and export, adoption."""

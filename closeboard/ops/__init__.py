"""Starting, watching and stopping the programs that Closeboard needs."""

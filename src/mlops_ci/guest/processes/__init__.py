"""Starting, watching and ending processes so that nothing that we started outlives us."""

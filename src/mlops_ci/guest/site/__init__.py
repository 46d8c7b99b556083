"""A folder that comes first on PYTHONPATH where something of ours works in the user's own process."""

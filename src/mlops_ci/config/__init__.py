"""`mlops.toml`: found, read, merged with overlays and overrides, checked, and turned into frozen settings."""

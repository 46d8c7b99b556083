"""The levels of the health check, from the least to the most."""

LEVELS = ("static", "quick", "standard", "long")

"""Kills of the pipeline at seeded moments."""

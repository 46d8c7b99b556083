"""Verdicts on nodes beyond one run: written down, counted on again for a while, ranked over a fleet."""

"""Tells people what happened, by the channels that they named, once, and without ever failing what it tells of."""

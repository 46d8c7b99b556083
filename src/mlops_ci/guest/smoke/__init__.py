"""A smoke run from the inside: what is watched in the user's own process while it takes a few steps."""

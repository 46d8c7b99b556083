"""The program of the layer train: a command now, or on a schedule. Standard library only."""

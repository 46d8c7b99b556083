"""The program of the layer dev: JupyterLab and, when asked for, an SSH server. Standard library only."""

"""What `mlops-ci NAME` does: one module per command, named in `cli.py` by import string."""

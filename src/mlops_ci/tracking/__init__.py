"""MLflow: runs, metrics, the model registry, and a server of our own where none is configured. Over HTTP always."""

"""A folder that is put first on PYTHONPATH during a smoke run."""

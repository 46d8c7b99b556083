"""A run: its id, lineage, directory, records, what is already done, and the locks that keep two runs apart."""

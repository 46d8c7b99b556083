"""A training of several processes: torchrun around one small guardian per process, and what each of them tells."""

"""Which parameters a sweep tries, what it remembers of its trials, and which it ends early."""

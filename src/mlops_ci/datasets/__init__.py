"""Training data: found, digested, checked, and kept on the runner by digest."""

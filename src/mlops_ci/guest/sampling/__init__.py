"""What the job uses while it runs: processor, memory, GPUs."""

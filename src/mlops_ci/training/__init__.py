"""What a job is to do inside the image (tasks), and what its end means (outcomes)."""

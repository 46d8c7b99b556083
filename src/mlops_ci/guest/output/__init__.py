"""What the job prints: lines, secrets, metrics in the text, and the reason for a failure."""

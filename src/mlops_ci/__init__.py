"""mlops-ci: one pipeline for teams that train PyTorch models on their own GPU runners."""

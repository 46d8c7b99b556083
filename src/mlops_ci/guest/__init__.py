"""What runs inside the user's image: Python >= 3.9, standard library only, imports nothing of mlops_ci above it."""

"""The files of those who call the bundle: written for a new user, and read again to say what is wrong with them."""

"""The one graph written down for others to run: jobs, their called files, and the text of each CI system."""

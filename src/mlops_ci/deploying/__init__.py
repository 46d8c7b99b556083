"""The image of a model before it serves: its recorded example, its container, and what that must answer."""

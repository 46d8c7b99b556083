"""What the tests and `bin/testbed` share: the real components, started and stopped, and pytest's fixtures on them."""

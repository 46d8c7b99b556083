"""Champion against challenger: pure functions on numbers. The only file that is read is `predictions.csv`."""

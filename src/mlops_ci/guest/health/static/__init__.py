"""What can be asked of a GPU without using it: every question goes to the driver through `card.Card`."""

"""The scheduled retrain: whether there is work, the stamps that its runs leave, and what these say of the schedule."""

"""One module for each generated page of the reference, and what they share."""

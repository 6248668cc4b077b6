"""Risk rules, one per file, and the review that asks them all: only what passes it may go to a broker."""

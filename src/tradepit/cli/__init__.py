"""The command line of the house, one command a file."""

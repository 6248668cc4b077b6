"""What a bot author writes, and the background agents."""

"""Long-running roles: each turns channels into channels."""

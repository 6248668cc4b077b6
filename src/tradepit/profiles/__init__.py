"""Rows of role, instances and channels."""

"""Backends of the journal port, one file per vendor."""

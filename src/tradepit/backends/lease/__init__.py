"""Backends of the lease port, one file per vendor."""

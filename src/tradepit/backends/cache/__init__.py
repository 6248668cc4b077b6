"""Backends of the cache port, one file per vendor."""

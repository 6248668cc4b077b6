"""Backends of the bus port, one file per vendor."""

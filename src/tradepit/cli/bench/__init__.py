"""Measurements of the running house, each beside a peer or the bare transport in the same run."""

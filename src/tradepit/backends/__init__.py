"""The world itself: one file per vendor and port."""

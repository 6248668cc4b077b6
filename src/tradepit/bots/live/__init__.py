"""Bots on a running house: their threads, their orders, their memory."""

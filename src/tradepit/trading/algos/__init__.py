"""Execution algorithms, one per file: pure machines that turn a large order into small ones over trading time."""

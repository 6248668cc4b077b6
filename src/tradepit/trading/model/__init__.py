"""The vocabulary: instruments, orders, trades, positions, accounts, ticks, errors."""

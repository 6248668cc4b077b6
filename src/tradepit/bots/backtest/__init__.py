"""The backtester: the same bot before the same venue, order desk and ledger, on a clock that only ticks and orders move."""

"""SSI FastConnect: Vietnam's futures, orders and market data, in the dialect of V3 here and of V2 in a room of its own."""

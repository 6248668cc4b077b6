"""The order book kernel, the call auction, and the venue built on them."""

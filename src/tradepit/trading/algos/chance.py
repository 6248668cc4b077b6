"""Chance that can be repeated: a draw depends on nothing but the seed and what it is drawn for."""

from hashlib import blake2b

UNIT = 1 << 32


def draw(seed: int, algo_id: str, purpose: str, slice_no: int) -> int:
    """An even draw from 0 up to, not including, ``UNIT``. A worker that takes over draws what its predecessor drew."""
    digest = blake2b(f"{seed}/{algo_id}/{purpose}/{slice_no}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big")

"""Loopback ports for private servers: a free one, and whether somebody answers on it."""

import socket


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int, request: bytes, first: bytes) -> bool:
    """Whether a server answers ``request`` with one of the bytes of ``first``."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as probe:
            probe.sendall(request)
            answer = probe.recv(1)
    except OSError:
        return False
    return answer != b"" and answer in first

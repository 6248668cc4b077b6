"""Loopback ports that stay their owner's: not given away by the system meanwhile, not chosen by another process of ours."""

import secrets
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST, _USUAL_END, _FEWEST = 16_384, 32_768, 1_000
_TRIES = 200


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody uses now, claimed for the life of this process.

    It lies below those that the system gives to whoever connects somewhere: while a server on it is away, or has not started yet,
    no passing connection takes its place.
    """
    end = _end_of_ours()
    for _ in range(_TRIES if end - _LOWEST >= _FEWEST else 0):
        port = _LOWEST + secrets.randbelow(end - _LOWEST)
        if _can_listen(host, port) and claim(port):
            return port
    while True:
        # Few are left to choose from, or the system gives all of them away: any that is free.
        with socket.socket(_family(host)) as probe:
            probe.bind((host, 0))
            port = int(probe.getsockname()[1])
        if claim(port):
            return port


def claim(port: int) -> bool:
    """Make a port ours, among the processes that claim theirs, until this one ends; False when another has it.

    The mark is the datagram port of the same number: no server of ours uses it, and the system takes it back whatever becomes of us.
    """
    mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        mark.bind(("127.0.0.1", port))
    except OSError:
        mark.close()
        return False
    mark.detach()  # open until the process ends
    return True


def _can_listen(host: str, port: int) -> bool:
    with socket.socket(_family(host)) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _end_of_ours() -> int:
    """Where the system's own range begins."""
    try:
        return int(_RANGE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _USUAL_END

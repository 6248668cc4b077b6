"""Loopback ports of private servers: whether somebody answers on one, and waiting until somebody does."""

import socket
import subprocess
import time
from collections.abc import Callable

from tradepit.runtime.clock import SystemClock

_LOOK_S = 0.02


def answers(port: int, request: bytes, first: bytes) -> bool:
    """Whether a server answers ``request`` with one of the bytes of ``first``."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as probe:
            probe.sendall(request)
            answer = probe.recv(1)
    except OSError:
        return False
    return answer != b"" and answer in first


def wait_for(serves: Callable[[], bool], process: "subprocess.Popen[bytes]", timeout_s: float) -> bool:
    """Wait until a process serves; False when it has ended or ``timeout_s`` seconds are over."""
    clock = SystemClock()
    deadline_ns = clock.monotonic_ns() + int(timeout_s * 1e9)
    while not serves():
        if clock.monotonic_ns() > deadline_ns or process.poll() is not None:
            return False
        time.sleep(_LOOK_S)
    return True

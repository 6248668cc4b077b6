"""The order ids the TqSDK process has put on the wire, in a file that outlives it."""

from pathlib import Path

import msgspec


class WireLog:
    """Ids and the trading day of each; those of the last two days are kept.

    Not synced to the disk: a power cut takes what was in the network's hands with it, and the broker's snapshot has the rest.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.days: dict[tuple[str, str], int] = {}
        lines = path.read_bytes().splitlines() if path.exists() else []
        for line in lines:
            try:
                account, order_id, day = msgspec.json.decode(line, type=tuple[str, str, int])
            except msgspec.MsgspecError:
                continue  # torn by a power cut: what it named never left
            self.days[account, order_id] = day
        recent = sorted(set(self.days.values()))[-2:]
        self.days = {key: day for key, day in self.days.items() if day in recent}
        self._rewrite()
        self._file = path.open("ab", buffering=0)

    def note(self, account: str, order_id: str, day: int) -> None:
        """Note an id before it is sent."""
        self._file.write(_line(account, order_id, day))
        self.days[account, order_id] = day

    def close(self) -> None:
        """Note nothing more. Idempotent."""
        self._file.close()

    def _rewrite(self) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(b"".join(_line(account, order_id, day) for (account, order_id), day in self.days.items()))
        fresh.replace(self._path)


def _line(account: str, order_id: str, day: int) -> bytes:
    return msgspec.json.encode((account, order_id, day)) + b"\n"

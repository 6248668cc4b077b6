"""Numbers on published ticks: how a receiver of best-effort messages knows what it has missed."""

from collections.abc import Mapping

import msgspec

RUN_HEADER = "Tick-Run"
SEQUENCE_HEADER = "Tick-Seq"
_LARGEST = 2**63 - 1


def number_headers(run: str, sequence: int) -> dict[str, str]:
    """The headers of one published tick: the publisher's run and the tick's number within it, per symbol, from 1."""
    return {RUN_HEADER: run, SEQUENCE_HEADER: str(sequence)}


class Seen(msgspec.Struct, frozen=True):
    """The newest number of a symbol and the run it belongs to."""

    run: str
    sequence: int


class SequenceWatch:
    """Counts, per symbol, ticks that never came and ticks that came twice.

    A new run starts anew at 1; a watch that knows nothing of a symbol's run takes its first number as the beginning.
    """

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}
        self.missing: dict[str, int] = {}
        self.repeated = 0

    def remember(self, symbol: str, seen: Seen) -> None:
        """Continue where an earlier life of this receiver stopped."""
        self._seen[symbol] = seen

    def seen(self, symbol: str) -> Seen:
        """The newest number of ``symbol``; an empty run and 0 when it carried none."""
        return self._seen.get(symbol, Seen("", 0))

    def see(self, symbol: str, headers: Mapping[str, str]) -> tuple[bool, int]:
        """(is the tick new, how many are missing right before it). Ticks without numbers are new and miss nothing."""
        run, text = headers.get(RUN_HEADER, ""), headers.get(SEQUENCE_HEADER, "")
        if not run or not (text.isascii() and text.isdecimal()) or len(text) > 19:
            return True, 0
        sequence, former = min(int(text), _LARGEST), self._seen.get(symbol)
        if former is not None and former.run == run and sequence <= former.sequence:
            self.repeated += 1
            return False, 0
        self._seen[symbol] = Seen(run, sequence)
        if former is None:
            return True, 0
        missing = sequence - 1 - (former.sequence if former.run == run else 0)
        if missing:
            self.missing[symbol] = self.missing.get(symbol, 0) + missing
        return True, missing

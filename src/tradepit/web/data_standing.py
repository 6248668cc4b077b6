"""Whether the Data API can answer, as its last look at the cache said."""


class DataStanding:
    """``problem`` is empty while it can."""

    def __init__(self) -> None:
        self.problem = "the cache was not looked at yet"

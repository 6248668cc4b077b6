"""The columns of a recorded tick file: those of the exchange's own snapshots with one level, and up to nine deeper levels."""

MAX_LEVELS = 10

TIME_ZONE = "Asia/Shanghai"
TEXTS = ("trading_day", "symbol", "exchange")
BEFORE_LEVELS = (
    "datetime",
    "trading_day",
    "symbol",
    "exchange",
    "last_price",
    "volume",
    "turnover",
    "open_interest",
    "open_price",
    "high_price",
    "low_price",
    "limit_up",
    "limit_down",
    "pre_close",
    "pre_settlement",
)
COUNTS = ("volume", "open_interest")
# Prices on the tick grid within the day's limits; 0 means none yet.
TRADED_PRICES = ("last_price", "open_price", "high_price", "low_price")


def level_columns(number: int) -> tuple[str, str, str, str]:
    """The four columns of level ``number`` (1 is the best)."""
    return (f"bid_price_{number}", f"bid_volume_{number}", f"ask_price_{number}", f"ask_volume_{number}")


def columns(levels: int) -> tuple[str, ...]:
    """All columns of a file with ``levels`` levels, in order."""
    return BEFORE_LEVELS + tuple(name for number in range(1, levels + 1) for name in level_columns(number))


def is_text(name: str) -> bool:
    """True for columns of strings."""
    return name in TEXTS


def is_count(name: str) -> bool:
    """True for columns of whole numbers."""
    return name in COUNTS or "_volume_" in name

"""Messages to the person behind a DIFF client. They pile up in the client for ever, so there are few."""

from typing import Any

from tradepit.runtime.ids import new_id

LOGGED_IN = 401
LOGIN_REFUSED = 402
ORDER_REPEATED = 407
REQUEST_REFUSED = 420
CANCEL_REFUSED = 419
NO_SUCH_ORDER = 417


def notice(code: int, content: str, *, level: str = "INFO") -> dict[str, Any]:
    """The patch that shows ``content``; ``level`` is INFO, WARNING or ERROR."""
    return {"notify": {new_id("N"): {"type": "MESSAGE", "level": level, "code": code, "content": content}}}

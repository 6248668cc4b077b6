"""The doctor's checks of the market's data: who keeps the hot window, and whether a Data API answers."""

import contextlib
import json
import urllib.error
import urllib.request
from typing import Any

from tradepit.cli.finding import Finding, fail, ok, warn
from tradepit.cli.loop import run
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.ports.series import SeriesCache
from tradepit.runtime.urls import without_secret
from tradepit.trading.model.errors import ConfigError, TradepitError
from tradepit.web.host_guard import LOOPBACK

_ANSWER_S = 3.0


def check_hot_window(settings: Settings) -> Finding:
    """Where the hot window is kept, and what makes its bars there."""
    if "://" not in settings.cache:
        return ok(f"{settings.cache}: in the memory of the process that runs market-cache and data-api")
    address = without_secret(settings.cache)
    try:
        rules = run(_rules(Wiring(settings, process="doctor").series()))
    except TradepitError as error:
        mend = "correct the setting cache" if isinstance(error, ConfigError) else "start its server, or correct the setting cache"
        return fail(error.message, mend)
    return ok(f"{address}: {rules}")


def check_data_api(settings: Settings) -> Finding:
    """Whether the Data API answers where the settings say, and can answer questions."""
    told = settings.data_api
    if told.port == 0:
        return ok("any free port")
    url = f"http://{f'[{told.host}]' if ':' in told.host else told.host}:{told.port}"
    status, body = _ask(f"{url}/readyz")
    if status == 0:
        return ok(f"nobody answers at {url}: it is not running")
    if "ok" not in body:
        return warn(f"another program answers at {url}", "set data_api.port to a free one")
    if not body["ok"]:
        return fail(f"it answers at {url}, and cannot: {str(body.get('reason', ''))[:150]}", "see what it says; start the cache")
    if told.host.lower() not in LOOPBACK:
        return warn(f"it answers at {url}, to everybody", "set data_api.host to 127.0.0.1, or let a firewall say who may ask")
    return ok(f"it answers at {url}")


async def _rules(series: SeriesCache) -> str:
    try:
        await series.connect()
        with_module = bool(getattr(series, "with_module", False))
        return "RedisTimeSeries is there" if with_module else "no RedisTimeSeries: sorted sets under the same keys"
    finally:
        await series.close()


def _ask(url: str) -> tuple[int, dict[str, Any]]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    status, told = 0, b""
    try:
        with opener.open(url, timeout=_ANSWER_S) as reply:
            status, told = reply.status, reply.read(65_536)
    except urllib.error.HTTPError as error:
        with error:
            status, told = error.code, error.read(65_536)
    except (OSError, ValueError):
        return 0, {}
    with contextlib.suppress(ValueError):
        body = json.loads(told)
        return status, body if isinstance(body, dict) else {}
    return status, {}

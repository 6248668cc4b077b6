"""Programs that hear the market through SSI's own clients, unmodified, each in a process of its own that reaches nothing but this machine."""

import sys
import textwrap
from pathlib import Path

from tests.saying_program import SayingProgram
from tests.servers.ssi_exchange import API_KEY, API_SECRET, SYMBOL
from tests.servers.ssi_server import SsiServer
from tests.servers.ssi_v2_server import DATA_KEY, DATA_SECRET, SsiV2Server

_SAY = """
import json, os

def say(**told):
    print("SAID " + json.dumps(told, default=str), flush=True)

SYMBOL = os.environ["SYMBOL"]
"""
# The client joins wss:// alone, and lets itself be told how: here by the same library, in the clear, on this machine.
_V3 = """
import asyncio
from ssi_sdk import AsyncAuth, AsyncData, Config
from ssi_sdk.services.streaming import AsyncStreamingService
from ssi_sdk.transport.websocket_client import AsyncWebSocketClient
from websockets.asyncio.client import connect

async def join(url, **more):
    return await connect(os.environ["STREAM"], proxy=None, **more)

async def hear(auth, config):
    client = AsyncWebSocketClient(config, token_provider=lambda force: auth.token_manager.ensure_authenticated(), connect_fn=join)
    streaming = AsyncStreamingService(client)
    streaming.on_data = lambda message: say(kind=type(message).__name__, **vars(message)) if not isinstance(message, dict) else None
    streaming.on_heartbeat = lambda message: say(kind="beat", message=message.message)
    await streaming.connect()
    await streaming.ping()
    await streaming.subscribe_market_flag()
    await streaming.subscribe_market([SYMBOL])
    await streaming.subscribe_symbol_trade([SYMBOL])
    await streaming.subscribe_symbol_quote([SYMBOL])
    await asyncio.sleep(600)

async def main():
    config = Config(
        client_id="000001", api_key=os.environ["KEY"], api_secret=os.environ["SECRET"], api_url=os.environ["WHERE"],
        streaming_url="wss://ssi.invalid/ws/v3")
    async with AsyncAuth(config) as auth:
        await auth.authenticate()
        async with AsyncData(auth) as data:
            for row in await data.market_data.get_ohlc_1minute_historical(SYMBOL, "2025/01/03", "2025/01/03"):
                say(kind="bar", **vars(row))
        await hear(auth, config)

asyncio.run(main())
"""
_V2 = """
import time
from ssi_fc_data.model import model
from ssi_fc_data.fc_md_client import MarketDataClient
from ssi_fc_data.fc_md_stream import MarketDataStream

class config:
    auth_type = "Bearer"
    consumerID, consumerSecret = os.environ["KEY"], os.environ["SECRET"]
    url, stream_url = os.environ["WHERE"] + "/", os.environ["WHERE"] + "/data/"

client = MarketDataClient(config)
asked = model.intraday_ohlc(SYMBOL, "03/01/2025", "03/01/2025", 1, 1000, True, 1)
for row in client.intraday_ohlc(config, asked)["data"]:
    say(kind="bar", **row)
channels = ",".join(f"{kind}:{SYMBOL}" for kind in ("F", "X", "X-QUOTE", "X-TRADE"))
stream = MarketDataStream(config, client)
stream.start(lambda message: say(kind=message["DataType"], **json.loads(message["Content"])), print, channels)
time.sleep(600)
"""


def v3_program(folder: Path, server: SsiServer) -> SayingProgram:
    """``ssi-sdk``: says what it is told, by the names of the client's own classes."""
    where = {"WHERE": server.url, "STREAM": server.stream_url, "KEY": API_KEY, "SECRET": API_SECRET}
    return _program(folder, _V3, where)


def v2_program(folder: Path, server: SsiV2Server) -> SayingProgram:
    """``ssi-fc-data``: says what it is told, by SSI's data types."""
    return _program(folder, _V2, {"WHERE": server.url, "KEY": DATA_KEY, "SECRET": DATA_SECRET})


def _program(folder: Path, body: str, environment: dict[str, str]) -> SayingProgram:
    return SayingProgram(folder, [sys.executable, "-c", textwrap.dedent(_SAY + body)], environment | {"SYMBOL": SYMBOL})

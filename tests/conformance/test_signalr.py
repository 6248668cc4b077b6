"""Classic SignalR between our client and a local server: joining, calls both ways, silence, reconnection, refusals, nonsense."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web
from tests.patience import PATIENCE_S, until
from tests.servers.signalr_server import SignalrServer

from tradepit.backends.broker.ssi.signalr import SignalrHub, SignalrUnauthorized
from tradepit.trading.model.errors import OutcomeUnknown, RequestRefused, Unavailable

HUB = "BroadcastHubV2"
TOKEN = "a-token"


async def answers(method: str, arguments: list[Any]) -> Any:
    if method == "Wait":
        await asyncio.sleep(60)
    if method != "SwitchChannels":
        raise ValueError(f"no method {method}")
    return arguments


class Place:
    """A server with one hub, and where it is."""

    def __init__(self, protocol: str = "1.5") -> None:
        self.server = SignalrServer(HUB, allows=self._allows, answers=answers, protocol=protocol)
        self._runner: web.AppRunner | None = None
        self.url = ""

    @staticmethod
    def _allows(request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {TOKEN}"

    async def open(self) -> None:
        app = web.Application()
        self.server.mount(app, "/v2.0/signalr")
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v2.0/signalr"

    async def close(self) -> None:
        await self.server.cut()
        assert self._runner is not None
        await self._runner.cleanup()

    def hub(self, token: str = TOKEN, timeout_s: float = PATIENCE_S) -> SignalrHub:
        headers = {"Authorization": f"Bearer {token}", "NotifyID": "7"}
        return SignalrHub(self.url, HUB, headers=headers, timeout_s=timeout_s)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    place = Place()
    await place.open()
    yield place
    await place.close()


async def take(hub: SignalrHub, count: int) -> list[object]:
    found: list[object] = []
    async with asyncio.timeout(PATIENCE_S):
        async for call in hub.calls():
            found.append(msgspec.json.decode(call.arguments[0]))
            if len(found) == count:
                break
    return found


async def test_joining_hears_every_call_in_order_and_leaves(place: Place) -> None:
    async with place.hub() as hub:
        for number in range(3):
            await place.server.call("Broadcast", number)
        assert await take(hub, 3) == [0, 1, 2]
        (connection,) = place.server.connections.values()
        assert connection.headers["NotifyID"] == "7"
    assert (place.server.negotiations, place.server.starts, place.server.aborts) == (1, 1, 1)
    assert place.server.connections == {}


async def test_an_older_server_is_spoken_to_in_its_own_protocol() -> None:
    place = Place("1.3")
    await place.open()
    async with place.hub() as hub:
        await until(lambda: any(connection.socket for connection in place.server.connections.values()))
        await place.server.call("Broadcast", "old")
        assert await take(hub, 1) == ["old"]
    assert place.server.starts == 0
    await place.close()


async def test_calls_of_ours_are_answered_refused_or_unknown(place: Place) -> None:
    async with place.hub() as hub:
        assert msgspec.json.decode(await hub.invoke("SwitchChannels", "X:ALL")) == ["X:ALL"]
        with pytest.raises(RequestRefused, match="no method Nothing"):
            await hub.invoke("Nothing")
        hub._timeout_s = 0.3
        with pytest.raises(OutcomeUnknown):
            await hub.invoke("Wait")
    with pytest.raises(Unavailable):
        await hub.invoke("SwitchChannels", "X:ALL")


async def test_a_connection_that_breaks_is_taken_up_again_without_a_gap(place: Place) -> None:
    async with place.hub() as hub:
        await place.server.call("Broadcast", 1)
        assert await take(hub, 1) == [1]
        await place.server.cut()
        await place.server.call("Broadcast", 2)
        assert [call async for call in hub.calls()] == []
        await hub.rejoin()
        await place.server.call("Broadcast", 3)
        assert await take(hub, 2) == [2, 3]
        assert (place.server.negotiations, place.server.rejoins) == (1, 1)
        place.server.forgets = True
        await place.server.cut()
        with pytest.raises(Unavailable):
            await hub.rejoin()


async def test_a_server_that_falls_silent_is_left(place: Place) -> None:
    place.server.promises_s = 0.4
    async with place.hub() as hub:
        place.server.silent = True
        async with asyncio.timeout(PATIENCE_S):
            assert [call async for call in hub.calls()] == []


async def test_signs_of_life_are_enough(place: Place) -> None:
    place.server.promises_s = 2.0
    async with place.hub() as hub:
        await asyncio.sleep(1.5 * place.server.promises_s)
        await place.server.call("Broadcast", "still here")
        assert await take(hub, 1) == ["still here"]


async def test_nonsense_is_counted_and_survived(place: Place) -> None:
    async with place.hub() as hub:
        await place.server.say("no JSON")
        await place.server.say('{"M":[1,{"H":"BroadcastHubV2","M":"Broadcast"}]}')
        await place.server.call("Broadcast", "after")
        async with asyncio.timeout(PATIENCE_S):
            heard = [await anext(hub.calls()) for _ in range(2)]
        assert [call.arguments for call in heard] == [(), (msgspec.Raw(b'"after"'),)]
        assert hub.unread == 2


async def test_a_server_that_gives_up_is_left(place: Place) -> None:
    async with place.hub() as hub:
        await place.server.say('{"C":"d-1","D":1}')
        assert [call async for call in hub.calls()] == []


@pytest.mark.parametrize("in_words", [False, True])
async def test_whoever_may_not_join_is_told_so(place: Place, in_words: bool) -> None:
    place.server.refuses_in_words = in_words
    with pytest.raises(SignalrUnauthorized):
        await place.hub("another").__aenter__()
    assert place.server.connections == {}


@pytest.mark.parametrize("in_words", [False, True])
async def test_whoever_may_not_join_any_more_is_told_so(place: Place, in_words: bool) -> None:
    hub, place.server.refuses_at = place.hub("another"), "connect"
    place.server.refuses_in_words = in_words
    with pytest.raises(SignalrUnauthorized):
        await hub.__aenter__()


async def test_a_server_that_cannot_be_joined_is_unavailable(place: Place) -> None:
    place.server.begins_never = True
    with pytest.raises(Unavailable, match="did not begin"):
        await place.hub(timeout_s=2.0).__aenter__()
    place.server.protocol = "2.0"
    with pytest.raises(Unavailable, match="no protocol of ours"):
        await place.hub().__aenter__()
    hub = place.hub()
    await place.close()
    with pytest.raises(Unavailable, match="cannot be reached"):
        await hub.__aenter__()
    await place.open()

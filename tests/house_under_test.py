"""A house of real processes on a real NATS server, seen only from outside: raw NATS messages with JSON in them."""

import asyncio
import itertools
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import msgspec
import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from tests.patience import PATIENCE_S

from tradepit.cli.house import House
from tradepit.cli.proof import Proof, prove
from tradepit.config import (
    AccountSettings,
    AgentSettings,
    ContractSettings,
    ExchangeSettings,
    LogSettings,
    MarketSettings,
    MonitorSettings,
    OrderSettings,
    Settings,
)
from tradepit.profiles.catalogue import roles_of
from tradepit.runtime.single_active import LeaseTiming

Json = dict[str, Any]
SYMBOL = "IF2501"
ORDER_MANAGERS = ("order-management-1", "order-management-2", "order-management-3")
STANDBYS = ORDER_MANAGERS[1:]
"""Held back (``later``) where no leader dies: a smaller house starts sooner."""
ROLES = (
    "trading-gateway",
    "order-management",
    "market-data",
    "risk-monitor",
    "position-tracker",
    "execution-algo",
    "market-recorder",
    "monitor-api",
    "trading-agents",
)
_ASK_AGAIN = frozenset({"NOT_ACTIVE", "OUTCOME_UNKNOWN", "SERVICE_UNAVAILABLE", "TIMEOUT"})
# What an order of ``load_of`` may be refused with. NOT_SENT: it never reached an exchange that was away, and never will;
# UNKNOWN_ORDER_PENDING: another order of the same account and contract is in doubt.
REFUSALS = frozenset({"SELF_TRADE", "OVER_CLOSE_POSITION"})
REFUSALS_IN_DOUBT = REFUSALS | {"NOT_SENT", "UNKNOWN_ORDER_PENDING"}
_DEEP = Decimal(100_000_000_000)


def settings_of(*accounts: str, profile: str = "simulator", agents: AgentSettings | None = None) -> Settings:
    """Two index futures on a Monday morning, accounts with deep purses, and limits no test runs into by accident."""
    rows = agents.rows if agents is not None else ()
    named = dict.fromkeys((*accounts, *(row.account for row in rows)))
    return Settings(
        profile=profile,
        exchange=ExchangeSettings(
            contracts=(
                ContractSettings(symbol="IF2501", reference=Decimal(4500)),
                ContractSettings(symbol="IC2501", reference=Decimal(6200)),
            ),
            accounts=tuple(AccountSettings(account=name, deposit=_DEEP) for name in named),
            starts_at="2025-01-06T09:45:00+08:00",
        ),
        orders=OrderSettings(
            risk={
                "rate": {"orders_per_s": 1000, "order_burst": 2000, "cancels_per_s": 1000, "cancel_burst": 2000},
                "position_limit": {"max_long": 50_000, "max_short": 50_000},
                "working_cap": {"max_per_symbol": 5_000, "max_per_account": 10_000},
            }
        ),
        market=MarketSettings(symbols=("IF2501", "IC2501")),
        agents=agents or AgentSettings(),
        monitor=MonitorSettings(port=0),
        log=LogSettings(level="WARNING"),
    )


def in_calm_office(settings: Settings) -> Settings:
    """With a lease that a leader keeps on the busiest machine; it is gone when its process is, all the same."""
    lease = LeaseTiming(ttl_s=60.0, refresh_s=0.5)
    return msgspec.structs.replace(settings, orders=msgspec.structs.replace(settings.orders, lease=lease))


class Outside:
    """A client of a house, whoever started it: JSON over NATS and nothing else. ``log`` is where its orders are written down."""

    def __init__(self, log: Path) -> None:
        self._log_path = log
        self._numbers = itertools.count(1)
        self.client: Client

    async def connect(self, url: str) -> None:
        """Connect, for good: a server that goes away is waited for."""
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        self._log = self._log_path.open("ab", buffering=0)
        self.client = await nats.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.05, error_cb=_no_matter)

    async def close(self) -> None:
        """Disconnect."""
        self._log.close()
        with suppress(nats.errors.Error, OSError):
            try:
                await self.client.close()
            except asyncio.CancelledError:
                # Its reader, cancelled while it waits for the same end, takes that end with it: nobody cancelled this task.
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise

    async def rpc(self, subject: str, body: Mapping[str, object] | bytes = b"{}", *, timeout_s: float = 10.0) -> Json:
        """One request, one answer; ``{"error": …}`` when nobody answers in time."""
        payload = body if isinstance(body, bytes) else json.dumps(body, default=float).encode()
        try:
            reply = await self.client.request(subject, payload, timeout=timeout_s)
        except nats.errors.NoRespondersError:
            return {"error": "SERVICE_UNAVAILABLE", "message": "nobody answers"}
        except (nats.errors.Error, OSError) as error:
            return {"error": "TIMEOUT", "message": repr(error)}
        answer: Json = json.loads(reply.data, parse_float=Decimal)
        return answer

    async def orders(
        self, method: str, body: Mapping[str, object], *, patience_s: float = PATIENCE_S, timeout_s: float = 0.5
    ) -> Json:
        """Order management, asked again with the same words while it says that it may be asked again.

        ``timeout_s`` is how long one answer is awaited: long where a second request would find done what the first has done.
        """
        deadline = time.monotonic() + patience_s
        while True:
            reply = await self.rpc(f"rpc.order-management.{method}", body, timeout_s=timeout_s)
            if reply.get("error") not in _ASK_AGAIN or time.monotonic() > deadline:
                return reply
            await asyncio.sleep(0.02)

    async def order(
        self,
        side: str,
        price: float,
        volume: int,
        *,
        account: str = "A1",
        patience_s: float = PATIENCE_S,
        client_order_id: str = "",
        **more: object,
    ) -> Json:
        """An order with an id of its own, asked for until there is an answer; question and answer go to the intent log."""
        name = client_order_id or f"t-{next(self._numbers)}"
        asked = {"symbol": SYMBOL, "price": price, "volume": volume, "account": account, **more}
        self._write("asked", name, "request", asked | {"side": side.upper()})
        reply = await self.orders(side, asked | {"client_order_id": name}, patience_s=patience_s)
        self._write("answered", name, "reply", reply)
        return reply

    async def hear(self, subject: str) -> list[Msg]:
        """Everything published on ``subject`` from now on."""
        heard: list[Msg] = []

        async def keep(message: Msg) -> None:
            heard.append(message)

        await self.client.subscribe(subject, cb=keep)
        await self.client.flush()
        return heard

    async def ask(self, instance: str, method: str = "status", body: Mapping[str, object] | bytes = b"{}") -> Json:
        """One instance, by its own name."""
        return await self.rpc(f"service.{instance.rpartition('-')[0]}.{instance}.{method}", body, timeout_s=5.0)

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str, *, patience_s: float = PATIENCE_S) -> None:
        """Wait for what must come; what is awaited names itself when it does not."""
        deadline = time.monotonic() + patience_s
        while not await holds():
            assert time.monotonic() < deadline, f"waited {patience_s} s in vain for {what}"
            await asyncio.sleep(0.05)

    def _write(self, event: str, name: str, key: str, value: Json) -> None:
        line = {"event": event, "client_order_id": name, "time_ns": time.time_ns(), key: value}
        self._log.write(json.dumps(line, default=str).encode() + b"\n")


class HouseUnderTest(Outside):
    """A client that can also start, kill and prove the house: the only places where the package itself is used."""

    def __init__(self, folder: Path, settings: Settings, *, only: tuple[str, ...], later: tuple[str, ...] = ()) -> None:
        super().__init__(folder / "intents" / "client.jsonl")
        roles = frozenset(role.name for role in roles_of(settings.profile))
        self.house = House(settings, folder, without=roles - set(only), also=frozenset(only))
        self._later = {name: self.house.members.pop(self.house.process_of(name)) for name in later}

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.house.start)
        await self.connect(self.house.server.url)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
        await asyncio.to_thread(self.house.stop)

    # What an operator can see

    async def standings(self) -> dict[str, str]:
        """ACTIVE or STANDBY by order-management instance that answers."""
        told = {name: await self.ask(name) for name in ORDER_MANAGERS}
        return {name: reply["status"] for name, reply in told.items() if "status" in reply}

    async def leader(self) -> str:
        """Who answers for order management, once somebody does."""
        found: list[str] = []

        async def known() -> bool:
            reply = await self.rpc("rpc.order-management.status", timeout_s=0.5)
            found[:] = [reply["instance"]] if reply.get("status") == "ACTIVE" else []
            return bool(found)

        await self.until(known, "a leader")
        return found[0]

    async def figures(self) -> Json:
        """The leader's figures; empty while there is none."""
        figures: Json = (await self.rpc("rpc.order-management.status", timeout_s=0.5)).get("figures", {})
        return figures

    async def venue_positions(self, *accounts: str) -> list[tuple[str, str, str, int, int]]:
        """What the exchange holds for ``accounts``."""
        rows: list[Json] = []
        for account in accounts:
            reply = await self.rpc("rpc.trading-gateway.positions", {"account": account})
            if reply.get("error"):
                rows.append({"account": account, "symbol": reply["error"], "side": "", "today_lots": 1})
            rows += reply.get("positions", [])
        return position_rows(rows)

    async def ready(self) -> None:
        """Whatever died runs again, somebody leads, every order manager and every keeper of positions answers and is complete."""

        async def complete() -> bool:
            self.house.revive()
            told = [await self.ask(name, "state") for name in self.instances("position-tracker", "risk-monitor")]
            standings = await self.standings()
            return (
                "ACTIVE" in standings.values()
                and len(standings) == len(self.instances("order-management"))
                and all(each.get("ready") for each in told)
            )

        await self.until(complete, "the house to be complete")

    async def one_leads(self) -> None:
        """Of three order managers one is active and the others stand by. A leader may lose its office where it gets no turn for long."""

        async def so() -> bool:
            return sorted((await self.standings()).values()) == ["ACTIVE", "STANDBY", "STANDBY"]

        await self.until(so, "one leader and two that stand by")

    async def settled(self) -> None:
        """No order is in doubt any more."""

        async def certain() -> bool:
            return (await self.figures()).get("in_doubt") == 0

        await self.until(certain, "every order's outcome to be known")

    async def keepers_agree(self, *accounts: str) -> None:
        """Every tracker and monitor that runs holds what the exchange holds, and their digests are one."""

        async def agree() -> bool:
            told = [await self.ask(name, "state") for name in self.instances("position-tracker", "risk-monitor")]
            truth = await self.venue_positions(*accounts)
            same = all(position_rows(each.get("positions", [])) == truth for each in told)
            return same and len({each.get("digest") for each in told}) == 1 and all(each["ready"] for each in told)

        await self.until(agree, "trackers and monitors to hold what the exchange holds")

    # What the world does to it

    def instances(self, *roles: str) -> list[str]:
        """Instances started so far, of these roles."""
        every = itertools.chain.from_iterable(member.instances for member in self.house.members.values())
        return sorted(name for name in every if name.rpartition("-")[0] in roles)

    def kill(self, instance: str, number: signal.Signals = signal.SIGKILL) -> int:
        """A signal, SIGKILL unless another is named, for the process in which an instance lives; its pid. Killed, it is gone then:
        the house would not start again what still seems to live.
        """
        name = self.house.process_of(instance)
        pid, process = self.house.send(name, number), self.house.members[name].process
        if number is signal.SIGKILL and process is not None:
            process.wait(PATIENCE_S)
        return pid

    def join(self, instance: str) -> None:
        """Start an instance that was held back."""
        member = self._later.pop(instance)
        self.house.members[member.name] = member
        self.house.revive()

    async def prove(self) -> Proof:
        """Stop everything; what the independent verifier says."""
        self._log.flush()
        os.fsync(self._log.fileno())
        await asyncio.to_thread(self.house.stop)
        return prove(self.house.folder)


def position_rows(rows: list[Json]) -> list[tuple[str, str, str, int, int]]:
    """Positions that hold lots, comparable whoever told them."""
    found = [(row["account"], row["symbol"], row["side"], row.get("today_lots", 0), row.get("yesterday_lots", 0)) for row in rows]
    return sorted(row for row in found if row[3] or row[4])


def refusals(replies: list[Json]) -> set[str]:
    """The codes among answers."""
    return {reply["error"] for reply in replies if reply.get("error")}


def told(messages: list[Msg]) -> list[Json]:
    """The JSON of messages."""
    return [json.loads(message.data, parse_float=Decimal) for message in messages]


@asynccontextmanager
async def load_of(house: HouseUnderTest, orders_per_s: float, buyer: str = "A1", seller: str = "B1") -> AsyncIterator[list[Json]]:
    """Orders of two accounts that trade with one another (and now and then close) while the block runs; the answers.

    All are answered when it ends.
    """
    replies: list[Json] = []
    waiting: set[asyncio.Task[None]] = set()

    async def one(number: int) -> None:
        side, account = (("buy", buyer), ("sell", seller))[number % 2]
        price = 4500 + (number // 2 % 5) * (0.2 if side == "buy" else -0.2)
        more: Json = {"type": "FAK"} if number % 3 == 0 else {}
        if number % 10 == 9:
            side, price, more = "buy", 4520, {"type": "FAK", "offset": "CLOSE"}
        replies.append(await house.order(side, round(price, 1), 1 + number % 3, account=account, **more))

    async def go_on() -> None:
        for number in itertools.count():
            task = asyncio.create_task(one(number))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
            await asyncio.sleep(1 / orders_per_s)

    load = asyncio.create_task(go_on())
    try:
        yield replies
    finally:
        load.cancel()
        await asyncio.gather(load, *waiting, return_exceptions=True)


async def _no_matter(error: Exception) -> None:
    """The server is expected to go away in some tests."""
    del error

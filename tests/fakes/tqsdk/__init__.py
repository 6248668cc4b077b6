"""A stand-in for the tqsdk package: TqApi's manners with a broker kept in files under HOME, so that it outlives its process.

What happens is said by files in ``$HOME/broker``: ``mode`` (see ``_MODES``) decides about the next orders, every file
``event-*`` holds JSON that happens at the next turn: ["fill", order_id, lots], ["cancel", order_id], ["day", 20250107], ["notify", code].
"""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

_MODES = {"normal", "silent", "vanish", "late", "reject", "die_before", "die_after", "die_on_login", "stuck", "refuse_login"}
_NAN = float("nan")


class Entity(dict[str, Any]):
    """Its fields are its attributes, as TqSDK's entities have it."""

    def __init__(self, *fields: Any, **more: Any) -> None:
        super().__init__(*fields, **more)
        self.__dict__ = self


class TqAuth:
    def __init__(self, user: str, password: str) -> None:
        self.user, self.password = user, password


class _Account:
    def __init__(self, key: str) -> None:
        self._account_key = key


class TqKq(_Account):
    def __init__(self, number: int | None = None) -> None:
        super().__init__(f"kq{number or ''}")


class TqAccount(_Account):
    def __init__(self, broker: str, user: str, password: str) -> None:
        super().__init__(f"{broker}{user}")


class TqMultiAccount:
    def __init__(self, accounts: list[_Account]) -> None:
        self.accounts = accounts


class TqNotify:
    def __init__(self, api: "TqApi") -> None:
        self._api = api

    def get_notifies(self) -> list[dict[str, Any]]:
        told, self._api.notices = self._api.notices, []
        return told


class TqSim(_Account):
    def __init__(self, init_balance: float, account_id: str) -> None:
        super().__init__(account_id)


class _Changes:
    async def recv(self) -> None:
        await asyncio.sleep(0.005)


class TqApi:
    def __init__(self, account: Any, auth: TqAuth, debug: bool, disable_print: bool) -> None:
        assert debug is False
        assert disable_print is True
        self._loop = asyncio.new_event_loop()
        self._folder = Path(os.environ["HOME"]) / "broker"
        self._folder.mkdir(exist_ok=True)
        (self._folder / "environment").write_text(json.dumps(dict(os.environ)))
        if self._mode() == "refuse_login":
            raise Exception(f"login of {auth.user} with {auth.password} refused")  # noqa: TRY002 - as TqSDK raises
        if self._mode() == "die_on_login":
            os._exit(9)
        accounts = account.accounts if isinstance(account, TqMultiAccount) else [account]
        self.notices: list[dict[str, Any]] = [{"code": 2019112901, "level": "INFO", "content": "connected"}]
        self._data: dict[str, Any] = {"trade": {}}
        self._wanted: list[tuple[str, dict[str, Any]]] = []
        self._quotes: dict[str, Entity] = {}
        self._events: list[list[Any]] = []
        self._tasks: list[asyncio.Task[Any]] = []
        for one in accounts:
            self._data["trade"][one._account_key] = {"orders": Entity(), "trades": Entity(), "positions": Entity()}
        self._read(login=True)

    def create_task(self, work: Any) -> "asyncio.Task[Any]":
        task = self._loop.create_task(work)
        self._tasks.append(task)
        return task

    def query_graphql(self, query: str, variables: dict[str, list[str]]) -> Entity:
        (symbol,) = variables["instrument_id"]
        return Entity(result={"multi_symbol_info": [] if symbol.endswith("unknown") else [{"instrument_id": symbol}]})

    @contextlib.asynccontextmanager
    async def register_update_notify(self, told: Any) -> AsyncIterator[_Changes]:
        yield _Changes()

    def get_quote(self, symbol: str) -> Entity:
        if symbol.endswith("unknown"):
            raise Exception("no such contract")  # noqa: TRY002 - as TqSDK raises
        self._quotes[symbol] = Entity(
            price_tick=1.0, volume_multiple=10, expire_datetime=1747267199.0, lower_limit=3000.0, upper_limit=4000.0,
            pre_settlement=3500.0, max_limit_order_volume=500, datetime=self._now(),
        )  # fmt: skip
        return self._quotes[symbol]

    def _now(self) -> str:
        day = str(self._books()["day"])
        return f"{day[:4]}-{day[4:6]}-{day[6:]} 10:00:00.500000"

    def get_order(self, order_id: str = "", account: Any = None) -> Any:
        return self._data["trade"][account._account_key]["orders"]

    def get_trade(self, trade_id: str = "", account: Any = None) -> Any:
        return self._data["trade"][account._account_key]["trades"]

    def get_position(self, symbol: str = "", account: Any = None) -> Any:
        bought = sum(trade.volume for trade in self.get_trade(account=account).values())
        held = self._books().get("held", 0)
        sides: dict[str, Any] = {"exchange_id": "SHFE", "instrument_id": "rb2505"}
        for word, lots, before in (("long", bought, held), ("short", 0, 0)):
            sides |= {f"pos_{word}_today": lots, f"pos_{word}_his": before, f"volume_{word}_frozen_today": 0}
            every = lots + before
            sides |= {f"volume_{word}_frozen_his": 0, f"open_cost_{word}": 35000.0 * every, f"margin_{word}": 3500.5 * every}
            sides |= {f"float_profit_{word}": 0.1 + 0.2, f"position_profit_{word}": _NAN}
        return Entity({"SHFE.rb2505": Entity(sides)})

    def get_account(self, account: Any = None) -> Entity:
        names = ("deposit", "withdraw", "close_profit", "position_profit", "float_profit", "commission", "margin")
        money = dict.fromkeys((*names, "frozen_margin", "frozen_commission"), 0.0)
        sums = {"balance": 1_000_000.1, "available": 1_000_000.1}
        return Entity(money | sums | {"currency": "CNY", "pre_balance": 1_000_000.1, "float_profit": _NAN})

    def insert_order(self, *, symbol: str, order_id: str, account: Any, **wanted: Any) -> None:
        exchange, instrument = symbol.split(".")
        order = Entity(
            order_id=order_id, exchange_id=exchange, instrument_id=instrument, direction=wanted["direction"],
            offset=wanted["offset"], volume_orign=wanted["volume"], volume_left=wanted["volume"], status="ALIVE",
            exchange_order_id="", last_msg="", limit_price=_NAN, price_type="LIMIT", time_condition="GFD",
            volume_condition="ANY", insert_date_time=0,
        )  # fmt: skip
        self.get_order(account=account)[order_id] = order
        self._wanted.append((account._account_key, Entity(order, limit_price=wanted["limit_price"])))

    def cancel_order(self, order_id: str, account: Any) -> None:
        self._events.append(["cancel", order_id])

    def wait_update(self, deadline: float) -> bool:
        while time.time() < deadline:
            self._loop.run_until_complete(asyncio.sleep(0.005))
            for task in self._tasks:
                if task.done():
                    task.result()
            if self._mode() == "stuck":
                time.sleep(3600)
            changed = self._send()
            if self._happen() or changed:
                self._read()
                return True
        return False

    def _mode(self) -> str:
        path = self._folder / "mode"
        mode = path.read_text() if path.exists() else "normal"
        assert mode in _MODES
        return mode

    def _send(self) -> bool:
        wanted, self._wanted = self._wanted, []
        for key, order in wanted:
            mode = self._mode()
            if mode == "die_before":
                os._exit(9)
            if mode == "late":
                (self._folder / "late").write_text(json.dumps([key, order]))
            elif mode != "vanish":
                self._arrive(key, order, mode)
            if mode == "die_after":
                os._exit(9)
        return bool(wanted) and self._mode() != "silent"

    def _arrive(self, key: str, order: dict[str, Any], mode: str) -> None:
        with (self._folder / "arrived").open("a") as log:
            log.write(order["order_id"] + "\n")
        books = self._books()
        order["insert_date_time"] = time.time_ns()
        if mode == "reject":
            order |= {"status": "FINISHED", "last_msg": "CTP:资金不足"}
        else:
            order |= {"exchange_order_id": f"    {len(books['orders']) + 1}", "last_msg": "未成交"}
        books["orders"][order["order_id"]] = [key, order]
        self._write(books)

    def _happen(self) -> bool:
        late = self._folder / "late"
        if late.exists() and self._mode() == "normal":
            key, order = json.loads(late.read_text())
            self._arrive(key, order, "normal")
            late.unlink()
            return True
        events, self._events = self._events, []
        for path in sorted(self._folder.glob("event-*")):
            events.append(json.loads(path.read_text()))
            path.unlink()
        if not events:
            return False
        books = self._books()
        for kind, *what in events:
            if kind == "notify":
                self.notices.append({"code": what[0], "level": "WARNING", "content": ""})
            elif kind == "day":
                books["day"] = what[0]
            elif what[0] in books["orders"]:
                self._change(books, kind, *what)
        self._write(books)
        return True

    @staticmethod
    def _change(books: dict[str, Any], kind: str, order_id: str, lots: int = 0) -> None:
        key, order = books["orders"][order_id]
        if kind == "cancel" and order["status"] == "ALIVE":
            order |= {"status": "FINISHED", "last_msg": "已撤单"}
        if kind == "fill":
            order["volume_left"] -= lots
            order["status"] = "ALIVE" if order["volume_left"] else "FINISHED"
            number = len(books["trades"]) + 1
            books["trades"][f"{order_id}|{number}"] = [key, {
                "order_id": order_id, "exchange_trade_id": f"  {number}", "exchange_id": order["exchange_id"],
                "instrument_id": order["instrument_id"], "direction": order["direction"], "offset": order["offset"],
                "price": order["limit_price"], "volume": lots, "trade_date_time": time.time_ns(), "commission": 1.25,
            }]  # fmt: skip

    def _books(self) -> dict[str, Any]:
        path = self._folder / "books"
        books: dict[str, Any] = {"orders": {}, "trades": {}, "day": 20250106}
        return json.loads(path.read_text()) if path.exists() else books

    def _write(self, books: dict[str, Any]) -> None:
        fresh = self._folder / "books.new"
        fresh.write_text(json.dumps(books))
        fresh.replace(self._folder / "books")

    def _read(self, *, login: bool = False) -> None:
        books = self._books()
        for node in self._data["trade"].values():
            node["session"] = {"trading_day": str(books["day"])}
        if self._mode() == "silent" and not login:
            return
        for kind in ("orders", "trades"):
            for name, (key, told) in books[kind].items():
                self._data["trade"][key][kind][name] = Entity(told)

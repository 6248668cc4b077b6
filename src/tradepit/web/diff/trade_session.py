"""One client of the trading socket: its login, its orders, its cancels."""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from loguru import logger

from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import BadRequest
from tradepit.web.diff import notices
from tradepit.web.diff.access import Access, Caller
from tradepit.web.diff.order_desk import NOT_LOGGED_IN, OrderDesk
from tradepit.web.diff.orders import CancelOrder, InsertOrder
from tradepit.web.diff.outlet import Outlet
from tradepit.web.diff.trading_desk import TradingDesk
from tradepit.web.diff.trading_user import TradingUser

BROKERS = ("simnow", "快期模拟")
"""The brokers that clients are told of; any other name is as good."""
_MAX_EARLY = 10_000
_PATIENCE_S = 5
_PYTHON = "tqsdk-python"


class _Login(msgspec.Struct, frozen=True):
    bid: str
    user_name: str
    password: str = ""


class _Probe(msgspec.Struct, frozen=True):
    order_id: str
    exchange_id: str = ""
    instrument_id: str = ""
    direction: str = ""
    volume: int = 1


_LOGIN = msgspec.json.Decoder(_Login)
_INSERT = msgspec.json.Decoder(InsertOrder)
_CANCEL = msgspec.json.Decoder(CancelOrder)
_PROBE = msgspec.json.Decoder(_Probe)


class TradeSession:
    """What a client sent before its login is never executed: it waited through an outage, and is told finished after the login.

    The broker a client names does not matter: an account belongs to a user, whatever the broker. System information is not read.
    """

    greeting: ClassVar[Mapping[str, Any]] = {"aid": "rtn_brokers", "brokers": BROKERS}

    def __init__(self, desk: TradingDesk, orders: OrderDesk, access: Access, clock: Clock, caller: Caller) -> None:
        self._desk, self._orders, self._access, self._clock, self._caller = desk, orders, access, clock, caller
        self._user: TradingUser | None = None
        self._asked, self._peeked = False, asyncio.Event()
        self._early: dict[str, InsertOrder] = {}
        self.outlet = Outlet()

    async def hear(self, aid: str, payload: bytes) -> None:
        """req_login, insert_order, cancel_order, pre_insert_order; anything else is logged, and needs no answer."""
        if aid == "insert_order":
            self._insert(_INSERT.decode(payload))
        elif aid == "cancel_order":
            self._cancel(_CANCEL.decode(payload))
        elif aid == "req_login":
            await self._login(_LOGIN.decode(payload))
        elif aid == "peek_message":
            self._peeked.set()
        elif aid == "pre_insert_order":
            self._tell_margin(_PROBE.decode(payload))
        elif aid != "confirm_settlement":
            logger.debug("a packet {} of the trading socket has no answer", aid[:64])

    async def patience(self) -> str:
        """A TqSDK that was cut off cleanly believes itself logged in; only a new connection brings it to its senses.

        One that comes again after an outage peeks first and logs in a moment later. Other clients connect long before their
        user has typed a password.
        """
        if not self._caller.agent.startswith(_PYTHON):
            await asyncio.Event().wait()
        await self._peeked.wait()
        await self._clock.sleep(_PATIENCE_S)
        if self._asked:
            await asyncio.Event().wait()
        return f"it peeked, and did not log in within {_PATIENCE_S} s"

    def leave(self) -> None:
        """Be told no more."""
        if self._user is not None:
            self._user.outlets.discard(self.outlet)

    async def _login(self, login: _Login) -> None:
        self._asked = True
        if not self._access.may_trade(login.user_name, login.password, self._caller.token):
            self._refuse("用户名或密码错误")
            return
        try:
            user = await self._desk.enter(login.user_name)
        except BadRequest as error:
            self._refuse(f"登录失败: {error.message}")
            return
        self.leave()
        self._user = user
        logger.info("{} logged in for account {}", login.user_name[:64], user.account)
        self.outlet.add(notices.notice(notices.LOGGED_IN, "登录成功"))
        for request in self._early.values():
            self._orders.refuse(user, request, NOT_LOGGED_IN)
        self._early.clear()
        self.outlet.add(user.snapshot())
        user.outlets.add(self.outlet)

    def _refuse(self, text: str) -> None:
        self.outlet.add(notices.notice(notices.LOGIN_REFUSED, text, level="ERROR"))

    def _insert(self, request: InsertOrder) -> None:
        if self._user is not None:
            self._orders.insert(self._user, request, self.outlet)
        elif len(self._early) < _MAX_EARLY:
            self._early[request.order_id] = request

    def _tell_margin(self, probe: _Probe) -> None:
        """What an order would freeze (TqScenario asks); asked for no contract, the former answer is forgotten."""
        if self._user is None:
            return
        margin = self._desk.margin_of_lot(f"{probe.exchange_id}.{probe.instrument_id}")
        told = None
        if margin is not None:
            told = {
                "exchange_id": probe.exchange_id,
                "instrument_id": probe.instrument_id,
                "direction": probe.direction,
                "pre_margin": margin * probe.volume,
            }
        self.outlet.add({"trade": {self._user.user_name: {"pre_insert_orders": {probe.order_id: told}}}})

    def _cancel(self, request: CancelOrder) -> None:
        if self._user is not None:
            self._orders.cancel(self._user, request, self.outlet)

"""Clients against the journals: what they were answered must be what happened, and what they asked for is what was done."""

from decimal import Decimal

from tradepit.verify.findings import Findings, Key
from tradepit.verify.intent_logs import Asked, Client
from tradepit.verify.order_facts import OrderFacts, Ours
from tradepit.verify.venue_commands import VenueCommands
from tradepit.verify.venue_reports import Told, VenueReports
from tradepit.verify.vocabulary import NOT_SENT, Intent


class ClientCheck:
    """Every intent that a client wrote down. With ``strict`` an outcome the client never learnt must be in some journal."""

    def __init__(
        self,
        clients: dict[Key, Client],
        facts: OrderFacts,
        commands: VenueCommands,
        reports: VenueReports,
        findings: Findings,
        *,
        strict: bool,
    ) -> None:
        self._clients, self._facts, self._commands, self._reports = clients, facts, commands, reports
        self._findings, self._strict = findings, strict

    def run(self) -> None:
        """Judge them all."""
        for key, client in self._clients.items():
            ours, told = self._facts.orders.get(key), self._reports.orders.get(key)
            if ours is None and told is None:
                self._check_unknown(key, client)
                continue
            where = self._where(client, ours, told)
            intent = ours.intent if ours is not None else told.intent if told is not None else None
            if intent is not None and client.asked and not any(self._same(asked, intent) for asked in client.asked):
                text = f"asked for {_said(client.asked[0])}, the journal has {intent}"
                self._findings.unexplained("NOT_AS_ASKED", key, text, where)
            self._check_acceptance(key, client, ours, told, where)
            self._check_refusals(key, client, ours, told, where)

    def _check_unknown(self, key: Key, client: Client) -> None:
        """No journal has it: then nobody may have told the client that it was taken."""
        where = self._where(client, None, None)
        if key in self._commands.orders:
            # Sent, and neither accepted nor told: the other checks say so.
            return
        if client.accepted:
            orders = ", ".join(client.order_ids) or "accepted"
            self._findings.lost("ACCEPTED_AND_GONE", key, f"the client was told {orders}; no journal knows it", where)
        elif client.promised and not client.refusals:
            if self._strict or client.taken:
                text = "the client was told that the outcome is unknown; no journal knows it"
                self._findings.lost("PROMISED_AND_GONE", key, text, where)
            else:
                self._findings.in_flight.add(key)

    def _check_acceptance(self, key: Key, client: Client, ours: Ours | None, told: Told | None, where: tuple[str, ...]) -> None:
        known = told.order_id if told is not None else ours.order_id if ours is not None else ""
        for order_id in client.order_ids:
            if order_id != known:
                text = f"the client was told {order_id}, the order is {known or 'without an id'}"
                self._findings.unexplained("OTHER_ORDER_TOLD", key, text, where)
        state = told.state if told is not None else ours.state if ours is not None else None
        if state is None or not client.accepted:
            return
        if state.status in ("RISK_REJECTED", "REJECTED"):
            self._findings.unexplained("TOLD_ACCEPTED", key, f"the client was told it is accepted, it is {state.status}", where)
        elif client.traded > state.traded_lots and (self._strict or told is not None):
            if not self._strict and ours is not None and ours.state.traded_lots >= client.traded:
                self._findings.in_flight.add(key)
                return
            text = f"the client was told {client.traded} lots traded, it is {state.traded_lots}"
            self._findings.unexplained("MORE_TOLD_THAN_TRADED", key, text, where)

    def _check_refusals(self, key: Key, client: Client, ours: Ours | None, told: Told | None, where: tuple[str, ...]) -> None:
        reasons = {code for code in (ours.code if ours else "", told.reason if told else "") if code}
        refused = _is_refused(ours, told)
        for code in dict.fromkeys(client.refusals):
            if not refused:
                now = told.state if told is not None else ours.state if ours is not None else ""
                self._findings.unexplained("TOLD_REFUSED", key, f"the client was told {code}, the order is {now}", where)
            elif code not in reasons:
                text = f"the client was told {code}, the journal says {', '.join(sorted(reasons))}"
                self._findings.unexplained("OTHER_REASON_TOLD", key, text, where)

    def _same(self, asked: Asked, intent: Intent) -> bool:
        return (
            asked.symbol in ("", intent.symbol)
            and asked.side in ("", intent.side)
            and asked.volume in (None, intent.volume_lots)
            and asked.order_type in ("", intent.order_type)
            and self._same_price(asked, intent)
        )

    def _same_price(self, asked: Asked, intent: Intent) -> bool:
        size = self._facts.tick_sizes.get(intent.symbol)
        if asked.price is None or size is None or intent.order_type == "MARKET":
            return True
        return asked.price == size * Decimal(intent.price_ticks)

    def _where(self, client: Client, ours: Ours | None, told: Told | None) -> tuple[str, ...]:
        journals = []
        if ours is not None:
            journals.append(f"orders#{ours.refused or ours.accepted or ours.reported}")
        if told is not None:
            journals.append(f"reports#{told.entry}")
        return (*client.where[:4], *journals)


def _is_refused(ours: Ours | None, told: Told | None) -> bool:
    if told is not None:
        return told.state.status == "REJECTED" or told.reason == NOT_SENT
    return ours is not None and (bool(ours.refused) or ours.state.status == "REJECTED")


def _said(asked: Asked) -> str:
    return f"{asked.side} {asked.volume} {asked.symbol} @ {asked.price} {asked.order_type}".strip()

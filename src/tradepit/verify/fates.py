"""What became of every intent: exactly one fate each, the exchange's word before order management's before the client's."""

from collections.abc import Iterator

from tradepit.verify.findings import Key
from tradepit.verify.intent_logs import Client
from tradepit.verify.order_facts import OrderFacts, Ours
from tradepit.verify.venue_commands import VenueCommands
from tradepit.verify.venue_reports import Told, VenueReports
from tradepit.verify.vocabulary import IN_DOUBT, NOT_SENT

FATES = ("FILLED", "CANCELLED", "EXPIRED", "WORKING", "REJECTED", "REFUSED", "NOT_SENT", "IN_DOUBT")
_ENDS = ("FILLED", "CANCELLED", "EXPIRED")

Fate = tuple[str, str]
"""One of FATES, and the code of a refusal or a rejection."""


def fates(
    clients: dict[Key, Client], facts: OrderFacts, commands: VenueCommands, reports: VenueReports
) -> Iterator[tuple[Key, Fate, int]]:
    """Every intent seen anywhere, its fate, and the lots it traded at the exchange."""
    keys = dict.fromkeys((*facts.orders, *reports.orders, *commands.orders, *clients))
    for key in keys:
        told = reports.orders.get(key)
        ours = facts.orders.get(key)
        if told is not None:
            yield key, _at_venue(told), told.fill_lots
        elif ours is not None:
            yield key, _at_order_management(ours), 0
        elif key in commands.orders:
            yield key, ("IN_DOUBT", ""), 0
        else:
            yield key, _at_client(clients[key]), 0


def _at_venue(told: Told) -> Fate:
    status = told.state.status
    if status == "REJECTED":
        return ("NOT_SENT", "") if told.reason == NOT_SENT else ("REJECTED", told.reason)
    return (status, "") if status in _ENDS else ("WORKING", "")


def _at_order_management(ours: Ours) -> Fate:
    status = ours.state.status
    if ours.refused:
        return "REFUSED", ours.code
    if status in IN_DOUBT:
        return "IN_DOUBT", ""
    if status == "REJECTED":
        return ("NOT_SENT", "") if ours.code == NOT_SENT else ("REJECTED", ours.code)
    return (status, "") if status in _ENDS else ("WORKING", "")


def _at_client(client: Client) -> Fate:
    """No journal has it: it was refused at the door, or it never arrived."""
    if client.refusals:
        return "REFUSED", client.refusals[0]
    return ("IN_DOUBT", "") if client.accepted or client.promised else ("NOT_SENT", "")

"""The contract's tables."""

import re

from tradepit.ports.bus import Delivery
from tradepit.wire import simulator as wire

DOCUMENT = {
    "market.tick.*": Delivery.BROADCAST,
    "orders.new": Delivery.BROADCAST,
    "orders.filled": Delivery.BROADCAST,
    "orders.cancelled": Delivery.BROADCAST,
    "trades.executed": Delivery.BROADCAST,
    "orders.algo.*": Delivery.COMPETE,
}


def test_the_documents_topics_are_there_with_its_modes() -> None:
    channels = {channel.subject: channel.delivery for channel in wire.CHANNELS}
    assert DOCUMENT.items() <= channels.items()


def test_names_and_subjects_are_unique() -> None:
    assert (
        len({channel.name for channel in wire.CHANNELS})
        == len({channel.subject for channel in wire.CHANNELS})
        == len(wire.CHANNELS)
    )


def test_no_subject_is_heard_on_two_channels() -> None:
    samples = {channel: channel.subject.replace("*", "x") for channel in wire.CHANNELS}
    for channel, sample in samples.items():
        pattern = re.compile(re.escape(channel.subject).replace(r"\*", "[^.]+"))
        assert [other for other, theirs in samples.items() if pattern.fullmatch(theirs)] == [channel], sample


def test_what_may_not_be_lost_is_durable() -> None:
    durable = {channel.subject for channel in wire.CHANNELS if channel.durable}
    assert durable == {"orders.new", "orders.filled", "orders.cancelled", "trades.executed", "orders.algo.*"}

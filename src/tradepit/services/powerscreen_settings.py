"""What the PowerScreen producer and consumer are told: the door, the recordings, the topic, the keys."""

import re
from typing import Annotated

import msgspec

from tradepit.ports.timeline import KEY_PATTERN
from tradepit.wire.powerscreen import SSI_PS_GROUP, SSI_PS_TOPIC

Topic = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z", max_length=200)]


class PowerScreenSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The producer answers at ``host`` and ``port`` (0: any free one), which is a loopback address: whoever reaches the door may
    publish. ``default_topic`` is that of messages that name none. ``files`` are recordings (``.txt``, or folders of them) that are
    published once at the start.

    ``topic`` is where snapshots are, ``group`` the consumers that share them. ``key_format`` and ``stream_format`` make the names
    in Redis, ``%s`` is the instrument's code. With ``retention_s`` what is older than that before the newest is dropped there;
    0, the document's behaviour, keeps everything.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8090
    default_topic: Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)?\Z", max_length=200)] = ""
    files: tuple[str, ...] = ()
    topic: Topic = SSI_PS_TOPIC
    group: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")] = SSI_PS_GROUP
    key_format: str = "ssi_ps:%s"
    stream_format: str = "ssi_ps_stream:%s"
    retention_s: Annotated[int, msgspec.Meta(ge=0, le=10 * 366 * 86_400)] = 0

    def __post_init__(self) -> None:
        for form in (self.key_format, self.stream_format):
            if form.count("%") != 1 or not re.fullmatch(KEY_PATTERN, form.replace("%s", "A" * 64)):
                raise ValueError("key_format and stream_format need one %s, for the code")
        if self.key_format == self.stream_format:
            raise ValueError("key_format and stream_format must differ")

    def key(self, code: str) -> str:
        """Where an instrument's snapshots are kept by time."""
        return self.key_format.replace("%s", code)

    def stream(self, code: str) -> str:
        """Where an instrument's snapshots are told as they come."""
        return self.stream_format.replace("%s", code)

"""The settings of SSI as the broker: which generation of its API, where, whose accounts, and where the secrets are."""

from typing import Annotated, Literal

import msgspec

Token = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3_600)]


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class SsiAccountSettings(_Settings, frozen=True, kw_only=True):
    """One derivatives account. ``account`` is what the house calls it, ``number`` is SSI's (it ends in 8)."""

    account: Token
    number: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9]{1,20}\Z")]


class SsiSettings(_Settings, frozen=True, kw_only=True):
    """SSI FastConnect as the broker (``broker: ssi``), for futures on HNX. ``api`` is its generation: v3, or the older v2.

    ``symbols`` are the contracts to trade, as VN30F2612, 41I1GC000 or VN30F1M. ``url`` and ``stream_url``: empty is SSI's own address
    of that generation. No secret stands here: each is in an environment variable or in a file only its owner can read.

    v3: ``client_id`` is SSI's number of the client; API key, API secret, private key (SSI's base64, or PEM) and, where SSI asks for
    one, the one-time code. v2: ``api_key`` is the ConsumerID, ``api_secret`` the ConsumerSecret, ``otp`` what ``two_factor`` says: the
    PIN, or a one-time code that is good for one login; ``device_id`` is a MAC address. V2 tells no prices: those of the day are asked
    at ``data_url``, FastConnect Data, whose ConsumerID and ConsumerSecret are ``data_key`` and ``data_secret``; the market as it moves
    is told by that service's hub, at ``data_stream_url``.

    Seconds: ``timeout_s`` until an answer counts as lost, ``settle_s`` for which what was sent may still turn up, ``poll_s`` between
    looks at SSI's own list of the day's orders, ``retry_max_s`` up to which the pause before a stream is joined again grows,
    ``silent_s`` after which a silent stream of market data is joined again, or asked once more while the market trades.
    """

    api: Literal["v2", "v3"] = "v3"
    url: str = ""
    stream_url: str = ""
    client_id: str = ""
    api_key_env: str = ""
    api_key_file: str = ""
    api_secret_env: str = ""
    api_secret_file: str = ""
    private_key_env: str = ""
    private_key_file: str = ""
    otp_env: str = ""
    otp_file: str = ""
    two_factor: Literal["pin", "otp"] = "pin"
    device_id: Annotated[str, msgspec.Meta(pattern=r"^(|[0-9A-Fa-f]{2}([:-]?)[0-9A-Fa-f]{2}(\2[0-9A-Fa-f]{2}){4})\Z")] = ""
    data_url: str = "https://fc-data.ssi.com.vn"
    data_stream_url: str = "https://fc-datahub.ssi.com.vn/v2.0/signalr"
    data_key_env: str = ""
    data_key_file: str = ""
    data_secret_env: str = ""
    data_secret_file: str = ""
    accounts: tuple[SsiAccountSettings, ...] = ()
    symbols: tuple[Token, ...] = ()
    requests_per_s: Annotated[float, msgspec.Meta(gt=0, le=1_000)] = 10.0
    timeout_s: Seconds = 5.0
    settle_s: Seconds = 10.0
    poll_s: Seconds = 30.0
    retry_max_s: Annotated[float, msgspec.Meta(ge=0.5, le=3_600)] = 30.0
    silent_s: Annotated[float, msgspec.Meta(ge=1, le=3_600)] = 60.0

    def __post_init__(self) -> None:
        for names in ([row.account for row in self.accounts], [row.number for row in self.accounts]):
            if len(set(names)) != len(names):
                raise ValueError("an account is named twice")
        stream = "ws" if self.api == "v3" else "http"
        places = ((self.url, "http"), (self.stream_url, stream), (self.data_url, "http"), (self.data_stream_url, "http"))
        for url, kind in places:
            local = url.startswith((f"{kind}://127.0.0.1:", f"{kind}://localhost:"))
            if url and not local and not url.startswith(f"{kind}s://"):
                raise ValueError(f"SSI is spoken to in the clear on this machine only: {kind}s://")

"""Which Host a request may name."""

from typing import TYPE_CHECKING

import pytest

from tradepit.web.host_guard import name_of

if TYPE_CHECKING:
    from tests.unit.web.conftest import Live


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("LOCALHOST:8800", "localhost"),
        ("localhost.:80", "localhost"),
        ("127.0.0.1:8800", "127.0.0.1"),
        ("[::1]:8800", "::1"),
        ("[::1]", "::1"),
        ("[::1", ""),
        ("[::1]8800", ""),
        ("localhost:evil.example", ""),
        ("127.0.0.1@evil.example", "127.0.0.1@evil.example"),
        ("", ""),
    ],
)
def test_the_name_in_a_host_header(host: str, name: str) -> None:
    assert name_of(host) == name


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "[::1]:80"])
async def test_loopback_names_pass(live: "Live", host: str) -> None:
    assert (await live.get("/healthz", headers={"Host": host})).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "10.0.0.1", "2130706433", ""]
)
async def test_every_other_name_is_refused_with_a_code(live: "Live", host: str) -> None:
    answer = await live.get("/api/instances", headers={"Host": host, "X-Forwarded-Host": "localhost"})
    assert (answer.status, answer.json["error"]) == (403, "HOST_NOT_ALLOWED")
    assert live.monitor.health().figures["hosts_refused"] == 1

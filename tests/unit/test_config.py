"""Settings: one tree from a file and the environment; what nobody knows or nobody can use stops the process at start."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepit.config import AccountSettings, ContractSettings, ExchangeSettings, Settings, dump, load
from tradepit.trading.model.errors import ConfigError, TradepitError

GOOD = """
profile: simulator
bus: memory://
exchange:
  contracts: [{symbol: IF2501, reference: 4500.2}]
  accounts: [{account: A1, deposit: 1000000}]
  starts_at: 2025-01-06T10:00:00+08:00
orders:
  lease: {ttl_s: 0.6, refresh_s: 0.1}
  risk: {order_size: {max_lots: 50}, rate: false}
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "settings.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_nothing_is_needed() -> None:
    assert load(environment={}) == Settings()


def test_a_file_is_read_and_written_back(tmp_path: Path) -> None:
    told = load(written(tmp_path, GOOD), {})
    assert told.exchange == ExchangeSettings(
        contracts=(ContractSettings(symbol="IF2501", reference=Decimal("4500.2")),),
        accounts=(AccountSettings(account="A1", deposit=Decimal(1_000_000)),),
        starts_at="2025-01-06T10:00:00+08:00",
    )
    assert (told.orders.lease.ttl_s, told.orders.risk) == (0.6, {"order_size": {"max_lots": 50}, "rate": False})
    assert load(written(tmp_path, dump(told)), {}) == told


def test_an_empty_file_is_no_settings(tmp_path: Path) -> None:
    assert load(written(tmp_path, "# nothing\n"), {}) == Settings()


def test_the_environment_lies_over_the_file(tmp_path: Path) -> None:
    environment = {
        "TRADEPIT_PROFILE": "pit",
        "TRADEPIT_DATA_DIR": "2025",
        "TRADEPIT_ORDERS__DEFAULT_ACCOUNT": "007",
        "TRADEPIT_ORDERS__LEASE__TTL_S": "1.5",
        "TRADEPIT_ORDERS__RISK__ORDER_SIZE__MAX_LOTS": "5",
        "TRADEPIT_MONITOR__PORT": "0",
        "TRADEPIT_LOG__FILES": "false",
        "TRADEPIT_MARKET__SYMBOLS": "[IF2501, IC2501]",
        "TRADEPIT_EXCHANGE__ACCOUNTS": "[{account: B, deposit: 5}]",
        "TRADEPIT_LAUNCHER_PID": "1",
        "PATH": "/bin",
    }
    told = load(written(tmp_path, GOOD), environment)
    assert (told.profile, told.data_dir, told.folder, told.bus) == ("pit", "2025", Path("2025"), "memory://")
    assert (told.orders.default_account, told.orders.lease.ttl_s, told.orders.lease.refresh_s) == ("007", 1.5, 0.1)
    assert told.orders.risk == {"order_size": {"max_lots": 5}, "rate": False}
    assert (told.monitor.port, told.log.files, told.market.symbols) == (0, False, ("IF2501", "IC2501"))
    assert told.exchange.accounts == (AccountSettings(account="B", deposit=Decimal(5)),)


@pytest.mark.parametrize(
    "text",
    [
        "buss: memory://", "orders: {ttl: 1}", "exchange: {contracts: [{symbol: IF2501}]}", "orders: {lease: {ttl_s: 0.1}}",
        "orders: {lease: {ttl_s: .inf}}", "orders: {lease: {ttl_s: .nan}}", "orders: {broker_timeout_s: 0}", "monitor: {port: 70000}",
        "monitor: {port: high}", "market: {cadence_ms: 0}", "market: {source: rumours}", "market: {speed: -1}", "log: {level: LOUD}",
        "exchange: {time: tick}", "exchange: {contracts: [{symbol: IF2501, reference: .nan}]}", "orders: {default_account: a.b}",
        "exchange: {contracts: [{symbol: IF2501, reference: -1}]}", "exchange: {contracts: [{symbol: 'IF 25', reference: 1}]}",
        "exchange: {accounts: [{account: A1, deposit: .inf}]}", "exchange: {accounts: [{account: '', deposit: 1}]}",
        "exchange: {accounts: [{account: A1, deposit: 1e999999999999999999}]}", "orders: {retry: {jitter: 2}}", "agents: {orders_per_s: 0}",
        "orders:", "orders: 5", "[]", "5", "text", "{1: 2}", "a: [", "a: b: c", "\t", "a: !!python/object/apply:os.system [ls]",
        "exchange: {gateway: {batch_commands: 0}}", "a: &x [*x]",
    ],
)  # fmt: skip
def test_what_nobody_knows_or_can_use_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(written(tmp_path, text), {})
    assert refused.value.details["file"]
    assert len(str(refused.value)) < 1_000


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", b"a: \x00", b"[" * 20_000, b"- " * 5_000])
def test_bytes_that_are_no_settings_are_refused(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(ConfigError):
        load(written(tmp_path, raw), {})


def test_a_file_that_is_not_there_or_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.yaml", tmp_path):
        with pytest.raises(ConfigError):
            load(path, {})


@pytest.mark.parametrize("text", ['bus: "nats://me:sesame@h\nlease: memory\n', "bus: *sesame\n", "bus: !sesame x\n", "sesame: {"])
def test_what_is_no_yaml_is_refused_by_its_line_and_not_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="not YAML") as refused:
        load(written(tmp_path, text))
    assert refused.value.details["line"] in (1, 2, 3)
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRADEPIT_NONSENSE", "1"), ("TRADEPIT_", "1"), ("TRADEPIT_BUS__URL", "x"), ("TRADEPIT_MONITOR__PORT", "high"),
        ("TRADEPIT_MONITOR__PORT", ""), ("TRADEPIT_ORDERS__LEASE", "fast"), ("TRADEPIT_MARKET__SYMBOLS", "[IF2501"),
        ("TRADEPIT_MARKET__CADENCE_MS", "1.5"), ("TRADEPIT_ORDERS__LEASE__TTL_S", "nan"),
    ],
)  # fmt: skip
def test_the_environment_is_read_as_strictly(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(environment={name: value})
    assert refused.value.details.get("file", "environment") == "environment"
    assert refused.value.details["environment"] == name


@given(
    text=st.text(max_size=60), name=st.sampled_from(["BUS", "MONITOR__PORT", "ORDERS__RISK__RATE", "MARKET__SYMBOLS", "EXCHANGE"])
)
def test_no_text_in_the_environment_is_more_than_refused(text: str, name: str) -> None:
    try:
        load(environment={f"TRADEPIT_{name}": text})
    except TradepitError as error:
        assert isinstance(error, ConfigError)


def test_a_setting_in_the_wrong_place_is_not_overlaid(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a section"):
        load(written(tmp_path, "bus: memory://"), {"TRADEPIT_BUS__A__B": "x"})

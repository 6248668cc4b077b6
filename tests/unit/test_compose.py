"""The composition root: from settings to backends and services."""

import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from tradepit.backends.broker.simulated import SimulatedBroker
from tradepit.backends.broker.ssi.v2.dialect import SsiV2
from tradepit.backends.broker.tqsdk.broker import TqsdkBroker
from tradepit.backends.bus.colocated import ColocatedBus
from tradepit.backends.bus.memory import MemoryBus
from tradepit.backends.cache.memory import MemoryCache
from tradepit.backends.cache.memory_series import MemorySeries
from tradepit.backends.cache.memory_timeline import MemoryTimeline
from tradepit.backends.cache.redis import RedisCache
from tradepit.backends.cache.redis_series import RedisSeries
from tradepit.backends.cache.redis_timeline import RedisTimeline
from tradepit.backends.journal.file import FileJournal
from tradepit.backends.journal.memory import MemoryJournal
from tradepit.backends.lease.memory import MemoryLease
from tradepit.backends.store.market import SqlMarketRecords
from tradepit.backends.store.sql import SqlStore
from tradepit.backends.store.trading import SqlTradingRecords
from tradepit.bots.live.settings import BotRow, RunnerSettings
from tradepit.cli.house import House
from tradepit.compose.bots import data_api_of, secrets_of
from tradepit.compose.contracts import channels_of, platform_channels_of
from tradepit.compose.roles import house_day, instances_of, make_service, opening_commands
from tradepit.compose.wiring import Wiring, starts_at_ns, tqsdk_link
from tradepit.config import (
    AccountSettings,
    AgentSettings,
    BotsSettings,
    ContractSettings,
    DataApiSettings,
    ExchangeSettings,
    MarketSettings,
    MonitorSettings,
    Settings,
    TqAccountSettings,
    TqSettings,
    dump,
    overlaid,
)
from tradepit.ports.series import Sample
from tradepit.profiles.catalogue import PROFILES, roles_of
from tradepit.runtime.clock import ShiftedClock, SystemClock
from tradepit.runtime.ssi_settings import SsiAccountSettings, SsiSettings
from tradepit.runtime.tick_clock import TickClock
from tradepit.runtime.vault_settings import VaultSettings
from tradepit.services.bot_runner import BotRunner
from tradepit.services.broker_gateway import BrokerGateway
from tradepit.services.powerscreen_settings import PowerScreenSettings
from tradepit.services.tq_settings import TqServiceSettings
from tradepit.services.trading_agents import TradingAgents
from tradepit.trading.matching.commands import ListInstrument, OpenAccount
from tradepit.trading.model.errors import CalendarUnknown, ConfigError, TradepitError, Unavailable
from tradepit.wire.market_series import price_series
from tradepit.wire.simulator import BROKER_REPORTS

EXCHANGE = ExchangeSettings(
    contracts=(
        ContractSettings(symbol="IF2501", reference=Decimal(4500)),
        ContractSettings(symbol="IC2501", reference=Decimal(6200)),
        ContractSettings(symbol="rb2505", reference=Decimal(3300)),
    ),
    accounts=(AccountSettings(account="A1", deposit=Decimal(1_000_000)),),
    starts_at="2025-01-06T10:00:00+08:00",
)
MEMORY = Settings(
    bus="memory://", journal="memory", lease="memory", cache="memory", exchange=EXCHANGE, monitor=MonitorSettings(port=0)
)


def wiring(tmp_path: Path, **changes: object) -> Wiring:
    return Wiring(msgspec.structs.replace(MEMORY, data_dir=str(tmp_path), **changes), process="test")


def test_the_bus_is_chosen_by_its_url_and_a_wrong_one_keeps_its_password(tmp_path: Path) -> None:
    urls = ("nats://127.0.0.1:1", "amqp://user:secret@127.0.0.1:1/", "amqps://user:secret@127.0.0.1:1/", "kafka://a:1,b:2")
    for url in urls:
        assert isinstance(wiring(tmp_path, bus=url).bus(), ColocatedBus)
    for url in ("pulsar://user:secret@127.0.0.1:1", "kafka://user:secret@127.0.0.1"):
        with pytest.raises(ConfigError) as caught:
            wiring(tmp_path, bus=url).bus()
        assert "secret" not in str(caught.value)


def test_bots_ask_the_data_api_that_is_named_or_the_houses_own() -> None:
    platform, pit = Settings(profile="platform"), Settings(profile="pit")
    assert data_api_of(platform) == "http://127.0.0.1:8080"
    assert data_api_of(pit) == "", "it waits there for whoever wants it"
    assert data_api_of(msgspec.structs.replace(platform, data_api=DataApiSettings(port=0))) == ""
    named = BotsSettings(runner=RunnerSettings(data_api="http://127.0.0.1:1"))
    assert data_api_of(msgspec.structs.replace(platform, bots=named)) == "http://127.0.0.1:1"


def test_the_platforms_topics_are_on_the_houses_bus_or_on_one_of_their_own(tmp_path: Path) -> None:
    together, apart = wiring(tmp_path, profile="platform"), wiring(tmp_path, profile="platform", platform_bus="kafka://a:1")
    assert together.platform_bus() is together.bus()
    assert together.more_buses == ()
    assert apart.platform_bus() is apart.platform_bus() is not apart.bus()
    assert apart.more_buses == (apart.platform_bus(),)
    platforms = {"orders.intent.account.*.*", "orders.dead_intents", "ssi_ps"}
    assert platforms <= {channel.subject for channel in platform_channels_of(apart.settings)}
    assert platforms <= {channel.subject for channel in channels_of(together.settings)}
    assert not platforms & {channel.subject for channel in channels_of(apart.settings)}


async def test_memory_backends_of_one_wiring_share_what_they_keep(tmp_path: Path) -> None:
    made = wiring(tmp_path)
    assert isinstance(made.bus(), MemoryBus)
    assert made.bus() is made.bus()
    first, second, other = made.journal("orders"), made.journal("orders"), made.journal("events")
    for journal in (first, second, other):
        assert isinstance(journal, MemoryJournal)
        await journal.open()
    await first.append([b"x"], expected=0, epoch=1)
    assert (await second.last(), await other.last()) == ((1, 1), (0, 0))
    mine, theirs = made.lease("a"), made.lease("a")
    assert isinstance(mine, MemoryLease)
    await mine.acquire("me", seen=None)
    held = await theirs.read()
    assert held is not None
    assert held.holder == "me"
    one, two = made.cache(), made.cache()
    assert isinstance(one, MemoryCache)
    await one.connect()
    await two.connect()
    await one.put("k", b"v", ttl_s=60)
    assert await two.get("k") == b"v"


def test_a_file_journal_says_how_durable_it_is(tmp_path: Path) -> None:
    always, relaxed = (
        wiring(tmp_path, journal="file").journal("orders"),
        wiring(tmp_path, journal="file?sync=os").journal("orders"),
    )
    assert isinstance(always, FileJournal)
    assert always.durability != relaxed.durability


@pytest.mark.parametrize(
    ("setting", "ask"),
    [
        ({"bus": "carrier-pigeon://x"}, lambda made: made.bus()),
        ({"bus": ""}, lambda made: made.bus()),
        ({"journal": "paper"}, lambda made: made.journal("orders")),
        ({"journal": "file?sync=never"}, lambda made: made.journal("orders")),
        ({"lease": "etcd"}, lambda made: made.lease("a")),
        ({"cache": "redis"}, lambda made: made.cache()),
        ({"cache": "redis"}, lambda made: made.series()),
        ({"cache": "nats"}, lambda made: made.timeline()),
        ({"profile": "moon"}, lambda made: instances_of(made.settings, ["trading-gateway"])),
    ],
)
def test_backends_nobody_has_are_refused(tmp_path: Path, setting: dict[str, str], ask: object) -> None:
    with pytest.raises(ConfigError):
        ask(wiring(tmp_path, **setting))  # type: ignore[operator]  # a table of lambdas


@pytest.mark.parametrize("bus", ["amqp://user:secret@127.0.0.1:1/", "kafka://user:secret@127.0.0.1:1"])
def test_what_lives_on_nats_is_refused_beside_a_bus_elsewhere(tmp_path: Path, bus: str) -> None:
    made = wiring(tmp_path, bus=bus, journal="jetstream", lease="nats", cache="nats")
    for ask in (lambda: made.journal("orders"), lambda: made.lease("a"), made.cache):
        with pytest.raises(ConfigError, match="not NATS") as told:
            ask()
        assert "secret" not in str(told.value)


@pytest.mark.parametrize("profile", ["tq", "tq_flat"])
def test_a_broker_connect_without_a_portfolio_is_refused(tmp_path: Path, profile: str) -> None:
    with pytest.raises(ConfigError, match="portfolio"):
        wiring(tmp_path, profile=profile).bus()


def test_roles_and_instances_are_chosen_once_each() -> None:
    assert instances_of(MEMORY, ["trading-gateway", "order-management-2", "trading-gateway-1", "order-management"]) == [
        "trading-gateway-1",
        "order-management-2",
        "order-management-1",
        "order-management-3",
    ]
    for nonsense in ("trading", "trading-gateway-2", "order-management-0", ""):
        with pytest.raises(ConfigError):
            instances_of(MEMORY, [nonsense])


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_every_instance_of_every_profile_can_be_made(tmp_path: Path, profile: str) -> None:
    store = f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}"
    service_of = TqSettings(service=TqServiceSettings(portfolio_id="p1"))
    made = wiring(tmp_path, profile=profile, agents=AgentSettings(), store=store, tq=service_of)
    names = [role.name for role in PROFILES[profile]]
    for instance in instances_of(made.settings, names):
        service = make_service(made, instance, lambda error: None)
        assert (service.instance, service.name) == (instance, instance.rpartition("-")[0])
        if isinstance(service, TradingAgents):
            service._log.close()


@pytest.mark.parametrize(("broker", "api"), [("tqsdk", "v3"), ("ssi", "v3"), ("ssi", "v2")])
def test_at_a_real_broker_the_gateway_follows_it_and_its_market(tmp_path: Path, broker: str, api: Literal["v2", "v3"]) -> None:
    account = TqAccountSettings(account="A1", broker_id="simnow", user="88", password_env="TEST_BROKER_WORD")
    tq = TqSettings(run_mode="real", user="mira", password_env="TEST_TQ_WORD", accounts=(account,))
    ssi = SsiSettings(
        api=api,
        client_id="1",
        device_id="02:00:00:00:00:01",
        accounts=(SsiAccountSettings(account="A1", number="0000018"),),
        symbols=("VN30F1M",),
    )
    store = f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}"
    made = wiring(tmp_path, profile="pit", broker=broker, tq=tq, ssi=ssi, store=store)
    roles = roles_of("pit", broker)
    for instance in instances_of(made.settings, [role.name for role in roles]):
        service = make_service(made, instance, lambda error: None)
        if instance == "trading-gateway-1":
            assert isinstance(service, BrokerGateway)
            assert service._quotes is not None
    with pytest.raises(ConfigError):
        instances_of(made.settings, ["market-data"])


def test_ssis_older_api_is_chosen_by_a_setting(tmp_path: Path) -> None:
    accounts = (SsiAccountSettings(account="A1", number="0000018"),)
    v2 = SsiSettings(api="v2", device_id="8c-ec-4b-d3-0b-96", accounts=accounts, symbols=("VN30F1M",))
    made = wiring(tmp_path, broker="ssi", ssi=v2)
    made.broker()
    assert made._ssi is not None
    assert isinstance(made._ssi.dialect, SsiV2)
    assert made._ssi.dialect._device_id == "8C-EC-4B-D3-0B-96"
    for missing in ("device_id", "accounts", "symbols"):
        with pytest.raises(ConfigError, match=missing):
            wiring(tmp_path, broker="ssi", ssi=msgspec.structs.replace(v2, **{missing: type(getattr(v2, missing))()})).broker()
    with pytest.raises(ConfigError, match="client_id"):
        wiring(tmp_path, broker="ssi", ssi=msgspec.structs.replace(v2, api="v3")).broker()


def test_market_data_instances_deal_out_all_symbols(tmp_path: Path) -> None:
    made = wiring(tmp_path)
    served = [make_service(made, f"market-data-{number}", lambda error: None)._feed._symbols for number in (1, 2)]  # type: ignore[attr-defined]  # what the feed was given
    assert served == [("IF2501", "rb2505"), ("IC2501",)]
    chosen = wiring(tmp_path, market=MarketSettings(symbols=("IC2501",)))
    served = [make_service(chosen, f"market-data-{number}", lambda error: None)._feed._symbols for number in (1, 2)]  # type: ignore[attr-defined]  # what the feed was given
    assert served == [("IC2501",), ()]


def test_the_opening_lists_contracts_and_accounts(tmp_path: Path) -> None:
    told = opening_commands(wiring(tmp_path))
    listed = [command.instrument.symbol for command in told if isinstance(command, ListInstrument)]
    opened = [(command.account, command.deposit) for command in told if isinstance(command, OpenAccount)]
    assert (listed, opened) == (["IF2501", "IC2501", "rb2505"], [("A1", Decimal(1_000_000))])
    assert len(told) == 4


@pytest.mark.parametrize("symbol", ["XX2501", "IF2513", "IF"])
def test_contracts_that_do_not_exist_are_refused(tmp_path: Path, symbol: str) -> None:
    exchange = ExchangeSettings(contracts=(ContractSettings(symbol=symbol, reference=Decimal(1)),), starts_at=EXCHANGE.starts_at)
    with pytest.raises(TradepitError) as refused:
        opening_commands(wiring(tmp_path, exchange=exchange))
    assert not isinstance(refused.value, CalendarUnknown)


def test_instants_need_their_offset() -> None:
    assert starts_at_ns("2025-01-06T10:00:00.000250+08:00") == 1_736_128_800_000_250_000
    for text in ("", "tomorrow", "2025-01-06T10:00:00", "2025-01-06"):
        with pytest.raises(ConfigError):
            starts_at_ns(text)


def test_the_house_opens_on_its_own_day(tmp_path: Path) -> None:
    assert house_day(wiring(tmp_path)) == date(2025, 1, 6)
    night = ExchangeSettings(starts_at="2025-01-06T23:30:00Z")
    assert house_day(wiring(tmp_path, exchange=night)) == date(2025, 1, 7)


def test_the_exchanges_time(tmp_path: Path) -> None:
    shifted = wiring(tmp_path, exchange=msgspec.structs.replace(EXCHANGE, origin_ns=1_000)).exchange_clock()
    assert isinstance(shifted, ShiftedClock)
    assert shifted.offset_ns == 1_736_128_800_000_000_000 - 1_000
    assert type(wiring(tmp_path, exchange=ExchangeSettings()).exchange_clock()) is SystemClock
    ticks = wiring(tmp_path, exchange=ExchangeSettings(time="ticks"))
    assert isinstance(ticks.exchange_clock(), TickClock)
    assert ticks.exchange_clock() is ticks.exchange_clock()


async def test_members_of_one_process_share_the_series_in_memory(tmp_path: Path) -> None:
    made = wiring(tmp_path)
    one, two = made.series(), made.series()
    assert isinstance(one, MemorySeries)
    await one.connect()
    await two.connect()
    await one.add({price_series("IF2501"): [Sample(1, 4500.0)]})
    assert await two.latest("markets:if2501:price") == Sample(1, 4500.0)


def test_a_simulated_exchange_tells_a_broker_connect_its_reports_on_the_same_bus() -> None:
    told = TqSettings(service=TqServiceSettings(portfolio_id="p1"))
    assert BROKER_REPORTS in channels_of(Settings(profile="tq", tq=told))
    assert BROKER_REPORTS not in channels_of(Settings(profile="tq", tq=told, broker="tqsdk"))


async def test_redis_and_the_store_are_chosen_by_their_urls(tmp_path: Path) -> None:
    on_redis = wiring(tmp_path, cache="redis://:secret@127.0.0.1:6379/1")
    assert isinstance(on_redis.cache(), RedisCache)
    assert isinstance(on_redis.series(), RedisSeries)
    for url in (f"sqlite+aiosqlite:///{tmp_path / 'orders.db'}", "postgresql+asyncpg://me:secret@127.0.0.1/db"):
        assert isinstance(wiring(tmp_path, store=url).store(), SqlStore)


@pytest.mark.parametrize("url", ["", "mysql://me:secret@127.0.0.1/db", "secret"])
async def test_a_store_that_is_none_is_refused_without_its_secret(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as told:
        wiring(tmp_path, store=url).store()
    assert "secret" not in str(told.value)
    with pytest.raises(ConfigError) as told:
        wiring(tmp_path, cache=url).cache()
    assert "secret" not in str(told.value)


async def test_a_missing_library_is_told_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for missing in ("tradepit.backends.cache.redis", "tradepit.backends.store.sql"):
        monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ConfigError, match=r"tradepit\[redis\]"):
        wiring(tmp_path, cache="redis://127.0.0.1").cache()
    with pytest.raises(ConfigError, match=r"tradepit\[sql\]"):
        wiring(tmp_path, store="sqlite+aiosqlite:///x").store()
    roles = {
        "powerscreen-producer-1": "tradepit.web.powerscreen_producer",
        "powerscreen-consumer-1": "tradepit.services.snapshot_projection",
    }
    for instance, missing in roles.items():
        made = wiring(tmp_path, profile="powerscreen", powerscreen=PowerScreenSettings(port=0))
        assert make_service(made, instance, lambda _: None).instance == instance
        monkeypatch.setitem(sys.modules, missing, None)
        with pytest.raises(ConfigError, match=r"tradepit\[protobuf\]"):
            make_service(made, instance, lambda _: None)


async def test_timelines_are_where_the_cache_is(tmp_path: Path) -> None:
    assert isinstance(wiring(tmp_path).timeline(), MemoryTimeline)
    assert isinstance(wiring(tmp_path, cache="redis://127.0.0.1").timeline(), RedisTimeline)
    with pytest.raises(ConfigError, match="timelines need"):
        wiring(tmp_path, cache="nats").timeline()


async def test_the_broker_is_the_houses_own_or_tqsdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(wiring(tmp_path).broker(), SimulatedBroker)
    with pytest.raises(ConfigError):
        wiring(tmp_path, broker="tqsdk").broker()
    account = TqAccountSettings(account="A1", broker_id="simnow", user="88", password_env="TEST_BROKER_WORD")
    tq = TqSettings(run_mode="real", user="mira", password_env="TEST_TQ_WORD", accounts=(account,), symbols=("SHFE.rb2505",))
    made = wiring(tmp_path, broker="tqsdk", tq=tq)
    broker = made.broker()
    assert isinstance(broker, TqsdkBroker)
    with pytest.raises(ConfigError, match="secret"):
        await broker.connect()
    monkeypatch.setenv("TEST_TQ_WORD", "abracadabra")
    monkeypatch.setenv("TEST_BROKER_WORD", "sesame")
    login = tqsdk_link(made)._login()
    assert (login.password, login.accounts[0].password) == ("abracadabra", "sesame")
    assert "abracadabra" not in dump(made.settings) + repr(login)
    assert "sesame" not in dump(made.settings) + repr(login)


@pytest.mark.parametrize(
    ("instances", "waits"),
    [
        ((), True),
        (("tq_order_submitter-1",), True),
        (("tq_order_executor-1",), True),
        (("tq_order_canceller-1", "tq_order_submitter-1"), True),
        (("tq_order_canceller-1",), False),
        (("tq_order_monitor-1", "tq_order_handler-1"), False),
    ],
)
def test_what_a_login_that_sends_nothing_was_told_does_not_wait_for_the_disk(
    tmp_path: Path, instances: tuple[str, ...], waits: bool
) -> None:
    account = TqAccountSettings(account="A1", broker_id="simnow", user="88", password_env="WORD")
    tq = TqSettings(run_mode="real", user="mira", password_env="WORD", accounts=(account,), symbols=("SHFE.rb2505",))
    settings = Settings(data_dir=str(tmp_path), broker="tqsdk", tq=tq)
    made = Wiring(settings, process="test", instances=instances)
    assert tqsdk_link(made)._reports._journal.durability == made.journal("tqsdk", synced=waits).durability
    assert made.journal("a", synced=True).durability != made.journal("a", synced=False).durability


async def test_a_bot_runner_of_the_settings_rows_and_where_a_bots_secrets_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = (BotRow(bot="a.py", bot_id="a", account="A1"), BotRow(bot="b.py", bot_id="b", account="A2"))
    made = wiring(tmp_path, bots=BotsSettings(rows=rows, port=0))
    runner = make_service(made, "bot-runner-1", lambda error: None)
    assert isinstance(runner, BotRunner)
    assert (runner.name, list(runner.seats)) == ("bot-runner", ["a", "b"])
    monkeypatch.setenv("BOT_SECRETS", '{"password": "from the environment"}')
    (tmp_path / "broker.json").touch(mode=0o600)
    (tmp_path / "broker.json").write_text('{"password": "from the mount"}')
    assert secrets_of(made, "").read("broker")["password"] == "from the environment"
    assert secrets_of(made, str(tmp_path)).read("broker")["password"] == "from the mount"


async def test_records_are_in_the_store_and_their_tables_those_that_the_profile_needs(tmp_path: Path) -> None:
    made = wiring(tmp_path, store=f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}")
    assert isinstance(made.market_records(), SqlMarketRecords)
    assert isinstance(made.trading_records(), SqlTradingRecords)
    assert (await made.tables().schema()).missing == ("0001", "0002")
    connect = wiring(tmp_path, profile="tq", store=f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}")
    assert (await connect.tables().schema()).missing == ("0001",)
    with pytest.raises(ConfigError, match="store migrate"):
        await made.trading_records(migrates=False).connect()
    for ask in (wiring(tmp_path).market_records, wiring(tmp_path).trading_records, wiring(tmp_path).tables):
        with pytest.raises(ConfigError, match="no store"):
            ask()


def test_a_house_starts_the_writers_of_records_where_there_is_a_store(tmp_path: Path) -> None:
    without, with_store = (
        House(Settings(profile="pit", store=store), tmp_path / f"s{store[:1]}") for store in ("", "sqlite:///x")
    )
    assert set(with_store.members) - set(without.members) == {"records"}
    assert with_store.members["records"].instances == ("market-records-1", "order-records-1")


async def test_a_secret_that_is_said_to_be_in_vault_is_looked_for_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = wiring(tmp_path)
    monkeypatch.setenv("BOT_SECRETS", '{"password": "vault:bots/mm1#password"}')
    for mount in ("", "vault:bots/mm1"):
        with pytest.raises(ConfigError, match=r"no vault\.url"):
            secrets_of(made, mount).read("broker")
    with pytest.raises(ConfigError, match=r"no vault\.url"):
        made.secrets["vault:tq#password"]
    told = VaultSettings(url="http://127.0.0.1:1", timeout_s=0.5)
    monkeypatch.setenv("VAULT_TOKEN", "my-secret-token")
    for mount in ("", "vault:bots/mm1"):
        with pytest.raises(Unavailable) as caught:
            secrets_of(wiring(tmp_path, vault=told), mount).read("broker")
        assert "my-secret-token" not in f"{caught.value} {caught.value.__cause__!r}"
    with pytest.raises(ConfigError, match="vault:path#field"):
        secrets_of(wiring(tmp_path, vault=told), "vault:../x").read("broker")
    monkeypatch.setitem(sys.modules, "tradepit.backends.secrets.vault_link", None)
    with pytest.raises(ConfigError, match=r"tradepit\[vault\]"):
        wiring(tmp_path, vault=told).vault()


@pytest.mark.parametrize("url", ["http://vault.example:8200", "https://user:secret@vault.example", "vault.example"])
def test_vault_is_not_spoken_to_in_the_clear(url: str) -> None:
    with pytest.raises(ConfigError):
        overlaid(Settings(), {"TRADEPIT_VAULT__URL": url})


async def test_who_writes_the_hot_window_and_who_reads_it_share_a_process_or_a_redis(tmp_path: Path) -> None:
    both = ("market-cache-1", "data-api-1")
    for cache in ("memory", "nats", "redis://127.0.0.1:1/0"):
        settings = msgspec.structs.replace(MEMORY, data_dir=str(tmp_path), cache=cache)
        for instances in (both, ()):
            made = Wiring(settings, process="test", instances=instances)
            services = [make_service(made, instance, lambda _: None) for instance in both]
            assert [service.name for service in services] == ["market-cache", "data-api"]
        for instance in both:
            alone = Wiring(settings, process="test", instances=(instance,))
            if cache.startswith("redis"):
                assert make_service(alone, instance, lambda _: None).instance == instance
                continue
            with pytest.raises(ConfigError, match="one process"):
                make_service(alone, instance, lambda _: None)

"""The documents' config.yaml in both shapes: what it says is what is used, a stranger's key is refused, no password is shown."""

from pathlib import Path

import msgspec
import pytest

from tradepit.compose.contracts import contract_of, routes_of
from tradepit.config import dump
from tradepit.config_tq import is_tq, load_tq
from tradepit.services.tq_settings import TqServiceSettings
from tradepit.trading.model.errors import ConfigError

GOLDEN = Path(__file__).parents[1] / "wire" / "golden"


def changed(tmp_path: Path, old: str, new: str, name: str = "tq_config") -> Path:
    text = (GOLDEN / f"{name}.yaml").read_text()
    assert old in text
    path = tmp_path / "config.yaml"
    path.write_text(text.replace(old, new))
    return path


def test_the_enveloped_shape() -> None:
    told = load_tq(GOLDEN / "tq_config.yaml")
    assert (told.profile, told.portfolio_id, told.login.run_mode) == ("tq", "your_portfolio_id", "sandbox")
    assert told.bus_url == "amqp://user:pass@host:5672/vhost"
    assert told.cache_url == "redis://:your_password@192.168.110.200:6379/1"
    assert told.store_url == "postgresql+asyncpg://postgres:your_password@192.168.110.200:5432/qpto_futures_chn"
    places = {(route.exchange, route.queue) for route in told.contract.routes}
    assert places == {
        ("tq_order_request_exchange", "tq_order_submit_requests"),
        ("tq_order_request_exchange", "tq_order_cancel_requests"),
        ("tq_internal_exchange", "tq_internal_order_updates"),
        ("tq_internal_exchange", "tq_internal_position_updates"),
        ("tq_internal_exchange", "tq_internal_account_updates"),
        ("tq_dead_letter_exchange", "tq_dead_letters"),
    }
    settings = told.settings()
    assert settings.tq.symbols == ()
    assert (settings.profile, settings.bus, settings.cache, settings.store) == (
        "tq",
        told.bus_url,
        told.cache_url,
        told.store_url,
    )
    assert (settings.broker, settings.tq.run_mode, settings.tq.user) == ("tqsdk", "sandbox", "your_username")
    assert settings.tq.service == TqServiceSettings(portfolio_id="your_portfolio_id")
    assert contract_of(settings) == told.contract
    assert {name: (route.exchange, route.queue) for name, route in routes_of(settings).items()} == {
        route.channel.name: (route.exchange, route.queue) for route in told.contract.routes
    }
    assert "your_password" not in dump(msgspec.structs.replace(settings, bus="", cache="", store=""))
    assert told.secrets()[settings.tq.password_env] == "your_password"


@pytest.mark.parametrize("word", ["paper", "Real", "REAL", "real ", "reel", "sandbox,real", "", "true"])
def test_a_run_mode_nobody_knows_is_refused(tmp_path: Path, word: str) -> None:
    with pytest.raises(ConfigError, match="run_mode") as caught:
        load_tq(changed(tmp_path, '"sandbox"', f'"{word}"'), {})
    assert caught.value.code == "CONFIG_INVALID"
    with pytest.raises(ConfigError, match="run_mode"):
        load_tq(GOLDEN / "tq_config.yaml", {"TRADEPIT_TQ__RUN_MODE": word})


def test_real_needs_an_account_with_its_broker_and_password() -> None:
    file, real = GOLDEN / "tq_config.yaml", {"TRADEPIT_TQ__RUN_MODE": "real"}
    with pytest.raises(ConfigError, match=r"needs tq\.broker_id, tq\.account, tq\.account_password"):
        load_tq(file, real)
    account = {"TRADEPIT_TQ__BROKER_ID": "simnow", "TRADEPIT_TQ__ACCOUNT": "88001234"}
    with pytest.raises(ConfigError, match=r"needs tq\.account_password"):
        load_tq(file, real | account)
    told = load_tq(file, real | account | {"TRADEPIT_TQ__ACCOUNT_PASSWORD": "hunter2"})
    settings = told.settings()
    (row,) = settings.tq.accounts
    assert (settings.tq.run_mode, row.broker_id, row.user) == ("real", "simnow", "88001234")
    assert told.secrets()[row.password_env] == "hunter2"
    assert "hunter2" not in f"{told!r}{dump(settings)}"


def test_the_environment_is_laid_over_the_files_own_keys() -> None:
    environment = {
        "TRADEPIT_REDIS__HOST": "127.0.0.1",
        "TRADEPIT_REDIS__PASSWORD": "0815",
        "TRADEPIT_DATABASE__PORT": "5433",
        "TRADEPIT_RABBITMQ__URL": "amqp://somewhere/",
        "TRADEPIT_TQ__SANDBOX": "sim",
        "TRADEPIT_TQ__SYMBOLS": "[SHFE.rb2505, CFFEX.IF2501]",
        "TRADEPIT_TQ__SERVICE__MAX_AGE_S": "5",
        "TRADEPIT_DATA_DIR": "elsewhere",
        "TRADEPIT_LAUNCHER_PID": "1",
        "OTHER": "x",
    }
    told = load_tq(GOLDEN / "tq_config.yaml", environment)
    assert told.cache_url == "redis://:0815@127.0.0.1:6379/1"
    assert ":5433/" in told.store_url
    settings = told.settings()
    assert (settings.bus, settings.data_dir, settings.tq.sandbox) == ("amqp://somewhere/", "elsewhere", "sim")
    assert settings.tq.symbols == ("SHFE.rb2505", "CFFEX.IF2501")
    assert settings.tq.service == TqServiceSettings(portfolio_id="your_portfolio_id", max_age_s=5.0)
    for wrong in ({"TRADEPIT_REDIS__HOSST": "x"}, {"TRADEPIT_TQ__RUN_MOED": "real"}, {"TRADEPIT_NOTHING": "x"}):
        with pytest.raises(ConfigError):
            load_tq(GOLDEN / "tq_config.yaml", wrong).settings()


def test_what_is_no_symbol_is_refused(tmp_path: Path) -> None:
    old = 'run_mode: "sandbox"'
    for symbols, right in (
        ("[SHFE.rb2505, CFFEX.IF2501]", True),
        ("[rb2505]", False),
        ("[SHFE.]", False),
        ("SHFE.rb2505", False),
    ):
        path = changed(tmp_path, old, f"{old}\n  symbols: {symbols}\n  #")
        if right:
            assert load_tq(path).settings().tq.symbols == ("SHFE.rb2505", "CFFEX.IF2501")
        else:
            with pytest.raises(ConfigError, match="symbols"):
                load_tq(path)


def test_the_documents_file_is_told_from_ours(tmp_path: Path) -> None:
    assert is_tq(GOLDEN / "tq_flat_config.yaml")
    (tmp_path / "ours.yaml").write_text("bus: memory://\ntq:\n  user: me\n")
    assert not is_tq(tmp_path / "ours.yaml")
    assert not is_tq(tmp_path / "nowhere.yaml")
    # One with a section missing is theirs all the same, and is told which.
    (tmp_path / "theirs.yaml").write_text("tq: {username: me, password: w, portfolio_id: p}\nredis: {host: h}\n")
    assert is_tq(tmp_path / "theirs.yaml")
    with pytest.raises(ConfigError, match="rabbitmq"):
        load_tq(tmp_path / "theirs.yaml")


def test_the_flat_shape() -> None:
    told = load_tq(GOLDEN / "tq_flat_config.yaml")
    assert told.profile == "tq_flat"
    requests = told.contract.submit
    assert requests == told.contract.cancel
    assert (requests.exchange, requests.queue) == ("tq_ws_api_request_exchange", "tq_order_requests")
    assert requests.routing_key == "PortfolioId_your_portfolio_id"
    assert told.store_url == "postgresql+asyncpg://postgres:postgres@localhost:5555/postgres"
    assert told.cache_url == "redis://:your_password@172.31.15.55:6379/1"


def test_names_that_were_changed_are_used(tmp_path: Path) -> None:
    told = load_tq(changed(tmp_path, '"tq_order_submit_requests"', '"submits"'))
    assert told.contract.submit.queue == "submits"
    assert told.contract.submit.channel.subject == "submits"


def test_an_unknown_key_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"run_moed.*tq"):
        load_tq(changed(tmp_path, "run_mode", "run_moed"))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"sandbox"', '"paper"', "run_mode"),
        ("port: 6379", "port: many", "port"),
        ('"your_portfolio_id"', '"no good"', "portfolio_id"),
        ('"amqp://user:pass@host:5672/vhost"', '"http://user:pass@host"', "rabbitmq.url"),
        ("  external:", '  order_request_queue: "both"\n  external:', "both shapes"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key_and_without_its_password(tmp_path: Path, old: str, new: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_tq(changed(tmp_path, old, new))
    assert key in str(caught.value)
    assert "pass@" not in str(caught.value)


def test_no_password_is_shown(tmp_path: Path) -> None:
    path = changed(tmp_path, '"your_password"', "hunter2: [")
    with pytest.raises(ConfigError) as caught:
        load_tq(path)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    told = load_tq(changed(tmp_path, '"your_password"', "0123456"))
    assert told.login.password == "0123456"
    for shown in (repr(told), str(told), repr(told.login), f"{told.contract}"):
        assert "0123456" not in shown


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="FileNotFoundError"):
        load_tq(tmp_path / "none.yaml")

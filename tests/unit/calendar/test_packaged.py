"""Reading the packaged data files."""

import pytest

from tradepit.trading.calendar.packaged import read_packaged
from tradepit.trading.calendar.sessions import SessionFile
from tradepit.trading.calendar.trading_days import Market
from tradepit.trading.model.errors import ConfigError


def test_reads_every_year_with_its_source() -> None:
    china = read_packaged("holidays/china.toml", Market)
    assert [entry.year for entry in china.years] == list(range(2020, 2027))
    assert all(entry.source and entry.as_of.year >= 2025 for entry in china.years)


def test_a_missing_file_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"mars\.toml"):
        read_packaged("holidays/mars.toml", Market)


def test_a_file_of_another_shape_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"sessions\.toml"):
        read_packaged("sessions.toml", Market)
    assert read_packaged("sessions.toml", SessionFile).source.text

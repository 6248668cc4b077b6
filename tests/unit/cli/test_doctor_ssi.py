"""The doctor on SSI: what it sees, what it advises, and that it shows no secret."""

from pathlib import Path

import msgspec
import pytest
from tests.ssi_world import KEY, xml_of

from tradepit.cli.doctor_ssi import check_ssi
from tradepit.cli.finding import Outcome
from tradepit.config import Settings
from tradepit.runtime.ssi_settings import SsiAccountSettings, SsiSettings


def settings(folder: Path, *, key: str, number: str = "0000018") -> Settings:
    files = {"api_key_file": "the key", "api_secret_file": "the secret", "private_key_file": key}
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    ssi = SsiSettings(
        client_id="1",
        accounts=(SsiAccountSettings(account="A", number=number),),
        symbols=("VN30F1M",),
        api_key_file=str(folder / "api_key_file"),
        api_secret_file=str(folder / "api_secret_file"),
        private_key_file=str(folder / "private_key_file"),
    )
    return Settings(data_dir=str(folder), broker="ssi", ssi=ssi)


def test_another_broker_needs_none_of_it() -> None:
    assert check_ssi(Settings()).outcome is Outcome.OK


def test_what_is_there_and_what_is_missing(tmp_path: Path) -> None:
    good = settings(tmp_path, key=xml_of(KEY))
    assert check_ssi(good).outcome is Outcome.OK
    assert check_ssi(settings(tmp_path, key=xml_of(KEY), number="0000011")).outcome is Outcome.WARN
    assert check_ssi(Settings(broker="ssi")).outcome is Outcome.FAIL
    missing = msgspec.structs.replace(good, ssi=msgspec.structs.replace(good.ssi, api_secret_file=str(tmp_path / "none")))
    assert check_ssi(missing).outcome is Outcome.FAIL
    wrong = check_ssi(settings(tmp_path, key="a key that is none"))
    assert wrong.outcome is Outcome.FAIL
    assert "a key that is none" not in wrong.seen


def test_v2_needs_a_second_factor_a_device_and_the_prices_login(tmp_path: Path) -> None:
    v3 = settings(tmp_path, key=xml_of(KEY))
    assert "device_id" in check_ssi(msgspec.structs.replace(v3, ssi=msgspec.structs.replace(v3.ssi, api="v2"))).seen
    v2 = msgspec.structs.replace(v3.ssi, api="v2", client_id="", device_id="8C-EC-4B-D3-0B-96")
    for name in ("otp", "data_key", "data_secret"):
        found = check_ssi(msgspec.structs.replace(v3, ssi=v2))
        assert (found.outcome, found.seen.split(":")[0]) == (Outcome.FAIL, name)
        file = tmp_path / name
        file.write_text("123456")
        file.chmod(0o600)
        v2 = msgspec.structs.replace(v2, **{f"{name}_file": str(file)})
    found = check_ssi(msgspec.structs.replace(v3, ssi=v2))
    assert (found.outcome, found.seen[:3]) == (Outcome.OK, "v2,")
    assert "123456" not in found.seen


@pytest.mark.parametrize("device", ["8C-EC-4B-D3-0B-96", "8c:ec:4b:d3:0b:96", "8CEC4BD30B96", ""])
def test_devices_ssi_takes(device: str) -> None:
    assert msgspec.convert({"device_id": device}, SsiSettings).device_id == device


@pytest.mark.parametrize("device", ["8C-EC-4B-D3-0B", "8C-EC:4B-D3-0B-96", "tradepit", "8C-EC-4B-D3-0B-96\n"])
def test_devices_ssi_refuses(device: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"device_id": device}, SsiSettings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://api.ssi.com.vn"},
        {"stream_url": "ws://stream.ssi.com.vn/ws/v3"},
        {"api": "v2", "stream_url": "http://fc-tradehub.ssi.com.vn/v2.0/signalr"},
        {"data_url": "http://fc-data.ssi.com.vn"},
        {"accounts": (SsiAccountSettings(account="A", number="1"), SsiAccountSettings(account="A", number="2"))},
        {"accounts": (SsiAccountSettings(account="A", number="1"), SsiAccountSettings(account="B", number="1"))},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"named twice|in the clear"):
        msgspec.structs.replace(SsiSettings(), **wrong)

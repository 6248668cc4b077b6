"""The doctor's findings on the data folder's disk."""

import tempfile
from pathlib import Path

import pytest

from tradepit.cli import doctor_disk as disk
from tradepit.cli.finding import Outcome
from tradepit.config import Settings

MOUNTS = """\
/dev/vda1 / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
/dev/vdb /tmp/data\\040disk xfs rw 0 0
broken
"""


@pytest.mark.parametrize(("gib", "outcome"), [(0.1, Outcome.FAIL), (2, Outcome.WARN), (50, Outcome.OK)])
def test_free_space(gib: float, outcome: Outcome) -> None:
    assert disk.space_finding(Path("/data"), int(gib * 2**30)).outcome is outcome


@pytest.mark.parametrize(
    ("costs", "kind", "outcome"),
    [([0.5, 0.6, 80.0], "ext4", Outcome.OK), ([15.0, 20.0, 18.0], "nfs4", Outcome.WARN), ([0.01], "tmpfs", Outcome.WARN)],
)
def test_what_a_durable_write_costs(costs: list[float], kind: str, outcome: Outcome) -> None:
    found = disk.sync_finding(costs, kind)
    assert found.outcome is outcome
    assert kind in found.seen


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/home/x", "ext4"), ("/tmp", "tmpfs"), ("/tmp/x", "tmpfs"), ("/tmp/data disk/j", "xfs"), ("/tmpx", "ext4")],
)
def test_the_file_system_is_that_of_the_nearest_mount(folder: str, kind: str) -> None:
    assert disk.file_system_of(Path(folder), MOUNTS) == kind


def test_a_folder_that_does_not_exist_yet_is_judged_by_the_one_above(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path / "not" / "yet"))
    assert disk.nearest_folder(settings.folder) == tmp_path
    assert "4 KiB write and sync" in disk.check_disk_sync(settings).seen
    assert str(tmp_path) in disk.check_disk_space(settings).seen
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    found = disk.check_disk_sync(Settings(data_dir=str(tmp_path)))
    assert (found.outcome, "Permission denied" in found.seen) == (Outcome.FAIL, True)

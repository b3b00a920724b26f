from __future__ import annotations

from pathlib import Path

import pytest

from bot.adapters.database.connection import ephemeral_reason, network_filesystem

MOUNTS = """\
overlay / overlay rw,lowerdir=/a 0 0
proc /proc proc rw 0 0
tmpfs /run tmpfs rw 0 0
/dev/sdb1 /data ext4 rw 0 0
/dev/sdc1 /my\\040disk xfs rw 0 0
server:/export /far nfs4 rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("/app/data", "it lies on overlay"),
        ("/run/bot", "it lies on tmpfs"),
        ("/data", ""),
        ("/data/bot", ""),
        ("/database", "it lies on overlay"),
        ("/my disk/bot", ""),
    ],
)
def test_where_a_folder_lies(tmp_path: Path, folder: str, why: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert ephemeral_reason(Path(folder), {}, mounts).startswith(why)
    assert bool(ephemeral_reason(Path(folder), {}, mounts)) == bool(why)


@pytest.mark.parametrize(("folder", "kind"), [("/far/bot", "nfs4"), ("/data", ""), ("/app", "")])
def test_a_folder_of_another_machine(tmp_path: Path, folder: str, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert network_filesystem(Path(folder), mounts) == kind


def test_a_platform_that_empties_its_disks(tmp_path: Path) -> None:
    assert "Heroku" in ephemeral_reason(tmp_path, {"DYNO": "worker.1"})


def test_a_system_that_does_not_tell(tmp_path: Path) -> None:
    assert ephemeral_reason(tmp_path, {}, tmp_path / "none") == ""

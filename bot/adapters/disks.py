"""Does a folder outlive a restart of the platform, and may a database lie there?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

MOUNTS = Path("/proc/mounts")
# File systems of containers and of memory: what is written there is gone with the container or the machine.
PASSING = {"overlay", "aufs", "tmpfs", "ramfs"}
# Across a network SQLite's locks do not hold, and a database is damaged sooner or later.
NETWORKS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs"}
# What platforms set whose disks are emptied at each restart -> how such a platform is called.
PLATFORMS = {"DYNO": "Heroku"}


def passing(folder: Path, environ: Mapping[str, str] = os.environ, mounts: Path = MOUNTS) -> str:
    """Why what is written in `folder` will not last; "" = there is no sign of that."""
    for variable, name in PLATFORMS.items():
        if variable in environ:
            return f"{name} empties its disks at each restart"
    kind = _file_system(folder.resolve(), mounts)
    return f"it lies on {kind}, which ends with its container or machine" if kind in PASSING else ""


def across_a_network(folder: Path, mounts: Path = MOUNTS) -> str:
    """The file system that brings `folder` from another machine; "" = there is no sign of one."""
    kind = _file_system(folder.resolve(), mounts)
    return kind if kind in NETWORKS else ""


def _file_system(folder: Path, mounts: Path) -> str:
    """The type of the file system that holds `folder`; "" where the system does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found = [(Path(fields[1].replace("\\040", " ")), fields[2]) for line in lines if len(fields := line.split()) > 2]
    holding = [(len(place.parts), kind) for place, kind in found if place == folder or place in folder.parents]
    return max(holding, default=(0, ""))[1]

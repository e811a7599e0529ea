"""What a file lies on decides how it is watched: the system sees every writer of a local disk, and no writer
that sits at the other end of a network or behind a FUSE program.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hot_folder.settle import SettleRule

# Over a network, or through a program or a hypervisor: others write there unseen.
_REMOTE: Final = (
    "nfs", "cifs", "smb", "afp", "webdav", "davfs", "fuse", "osxfuse", "macfuse", "sshfs", "9p", "remote",
    "vboxsf", "prl_fs", "vmhgfs", "drvfs", "virtiofs", "ceph", "lustre", "gpfs", "beegfs",
)  # fmt: skip
_LOCAL_FUSE: Final = ("fuseblk",)  # ntfs-3g and exfat-fuse on a drive of this machine


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a file lies. filesystem: its type as the system calls it, "" when it does not say."""

    point: str
    filesystem: str

    @property
    def is_remote(self) -> bool:
        name = self.filesystem.lower()
        return name.startswith(_REMOTE) and name not in _LOCAL_FUSE


class Watching(StrEnum):
    """How changes are found: as the mount asks for, or as an operator says who knows better."""

    AUTO = "auto"
    EVENTS = "events"
    SCANS = "scans"


@dataclass(frozen=True, slots=True)
class Way:
    """How the files of one mount are watched, and when one of them is whole."""

    events: bool
    leases: bool
    rule: SettleRule

    @property
    def spoken(self) -> str:
        found = "folder events" if self.events else "scans only"
        leased = ", open files are seen" if self.leases else ""
        return f"{found}{leased}; whole when still for {self.rule.quiet_period_s:g} s"


def way_of(mount: Mount, watching: Watching, quiet_period_s: float, remote_quiet_period_s: float) -> Way:
    """The way for a mount. A remote file's age says little: its clock is the server's."""
    if watching is Watching.SCANS or (watching is Watching.AUTO and mount.is_remote):
        return Way(False, False, SettleRule(remote_quiet_period_s, trusted_age_s=60.0))
    return Way(True, sys.platform == "linux" and not mount.is_remote, SettleRule(quiet_period_s))


class Ways:
    """The way of each mount, asked once for each device number."""

    def __init__(self, choose: Callable[[Mount], Way], mount_of: Callable[[bytes], Mount]) -> None:
        self._choose = choose
        self._mount_of = mount_of
        self._by_device: dict[int, Way] = {}

    def of(self, path: bytes, device: int) -> Way:
        """path: absolute; device: as in its FileKey."""
        if device not in self._by_device:
            self._by_device[device] = self._choose(self._mount_of(path))
        return self._by_device[device]


def mount_of(path: bytes) -> Mount:
    """The mount that holds an absolute path, which need not exist."""
    here = os.fsdecode(os.path.realpath(path))
    if here.startswith("\\\\"):
        return Mount(here, "remote")  # a UNC path: no drive letter, so psutil has no mount for it
    return _holder(here, _mounts())


def _holder(here: str, mounts: Iterable[Mount]) -> Mount:
    """The innermost mount above a path; of two at one point, the later one hides the earlier."""
    best = Mount("", "")
    for mount in mounts:
        inside = here == mount.point or here.startswith(os.path.join(mount.point, ""))
        if inside and len(mount.point) >= len(best.point):
            best = mount
    return best


def _mounts() -> list[Mount]:
    import psutil

    return [
        Mount(one.mountpoint, "remote" if "remote" in one.opts.split(",") else one.fstype)
        for one in psutil.disk_partitions(all=True)
    ]

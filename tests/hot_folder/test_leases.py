from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hot_folder.leases import Writer, writer_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")


def asked(path: Path) -> Writer:
    fd = os.open(path, os.O_RDONLY)
    try:
        return writer_of(fd)
    finally:
        os.close(fd)


def test_a_writer_is_seen_while_it_has_the_file_open(tmp_path: Path) -> None:
    path = tmp_path / "a.NEF"
    with path.open("wb") as file:
        file.write(b"frame")
        file.flush()
        assert asked(path) is Writer.WRITING
    assert asked(path) is Writer.NONE


def test_a_reader_is_no_writer(tmp_path: Path) -> None:
    path = tmp_path / "a.NEF"
    path.write_bytes(b"frame")
    with path.open("rb"):
        assert asked(path) is Writer.NONE


AS_ANOTHER_USER = """
import fcntl, os, signal, sys
from hot_folder.leases import writer_of
fd = os.open(sys.argv[1], os.O_RDONLY)
os.setgid(65534)
os.setuid(65534)
print(writer_of(fd))
"""

HELD_WHILE_A_WRITER_COMES = """
import fcntl, os, subprocess, sys
from hot_folder.leases import writer_of
path = sys.argv[1]
real = fcntl.fcntl

def slow_to_release(fd, command, argument=0):
    if (command, argument) != (fcntl.F_SETLEASE, fcntl.F_UNLCK):
        return real(fd, command, argument)
    writer = subprocess.Popen([sys.executable, "-c", "import sys; open(sys.argv[1], 'ab').close()", path])
    try:
        writer.wait(0.5)
    except subprocess.TimeoutExpired:
        print("writer waits")
    real(fd, command, argument)
    print("writer went on", writer.wait(10))

fcntl.fcntl = slow_to_release
print(writer_of(os.open(path, os.O_RDONLY)))
"""


def run(program: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can become another user")
def test_another_users_file_is_unknown_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.NEF"
    path.write_bytes(b"frame")
    said = run(AS_ANOTHER_USER, path)
    assert said.stdout == "unknown\n", said.stderr


def test_a_writer_that_breaks_the_lease_kills_nobody(tmp_path: Path) -> None:
    """The kernel signals whoever holds the lease; SIGIO's default would end the process."""
    path = tmp_path / "a.NEF"
    path.write_bytes(b"frame")
    said = run(HELD_WHILE_A_WRITER_COMES, path)
    assert said.returncode == 0, said.stderr
    assert said.stdout == "writer waits\nwriter went on 0\nnone\n"

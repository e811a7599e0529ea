"""Does any program still hold a file open for writing? Linux can say; elsewhere nobody knows.

A read lease (fcntl(2), F_SETLEASE) is granted only while nobody has the file open for writing. A program
that opens the file during the microseconds we hold it makes the kernel send us a signal; its default,
SIGIO, would kill the process. F_SETSIG replaces it by SIGURG, whose default is to be ignored, so nothing
process-wide has to be set and any thread may ask.
"""

from __future__ import annotations

import errno
import sys
from enum import StrEnum


class Writer(StrEnum):
    NONE = "none"
    """Certain: nobody has the file open for writing."""
    WRITING = "writing"
    """Certain: somebody has."""
    UNKNOWN = "unknown"
    """The platform, the filesystem or the file's owner does not let us ask."""


def writer_of(fd: int) -> Writer:
    """Ask about a descriptor that is open for reading only, of a file this process does not write."""
    if sys.platform != "linux":
        return Writer.UNKNOWN
    import fcntl
    import signal

    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        # EACCES: not our file; EINVAL, ENOLCK: the filesystem has no leases. Neither speaks of a writer.
        return Writer.WRITING if error.errno == errno.EAGAIN else Writer.UNKNOWN
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return Writer.NONE

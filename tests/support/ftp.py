"""A studio's FTP server on this machine, and cameras that send to it."""

from __future__ import annotations

import ftplib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

_BLOCK_BYTES = 16_384


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """Serve a folder on the loopback interface; gives the port."""
    authorizer = DummyAuthorizer()
    authorizer.add_user("camera", "camera", str(folder), perm="elradfmwMT")
    handler = type("Handler", (FTPHandler,), {"authorizer": authorizer, "use_sendfile": False})
    loop, stop = IOLoop(), threading.Event()
    server = FTPServer(("127.0.0.1", 0), handler, ioloop=loop)

    def serve() -> None:
        while not stop.is_set():
            loop.loop(timeout=0.02, blocking=False)
        server.close_all()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.socket.getsockname()[1]
    finally:
        stop.set()
        thread.join(10)


@dataclass(frozen=True)
class Camera:
    """A body that sends by FTP. pause_s: how long it rests between two blocks."""

    port: int
    pause_s: float = 0.0

    def send(self, name: str, data: bytes, *, resume_at: int = 0) -> None:
        with self._connected() as connection:
            sending = connection.transfercmd(f"STOR {name}", rest=resume_at or None)
            self._pour(sending, data[resume_at:])
            sending.close()
            connection.voidresp()

    def send_and_rename(self, name: str, temp_name: str, data: bytes) -> None:
        with self._connected() as connection:
            sending = connection.transfercmd(f"STOR {temp_name}")
            self._pour(sending, data)
            sending.close()
            connection.voidresp()
            time.sleep(self.pause_s)
            connection.rename(temp_name, name)

    def break_off(self, name: str, part: bytes) -> None:
        """Send the first part of a file, and then an end that the server takes for a good one."""
        self.send(name, part)

    def break_off_abruptly(self, name: str, part: bytes, stored: Callable[[], int]) -> None:
        """As when its battery is pulled out. stored: how many bytes the server has written."""
        with self._connected() as connection:
            sending = connection.transfercmd(f"STOR {name}")
            self._pour(sending, part)
            deadline = time.monotonic() + 20
            while stored() < len(part) - _BLOCK_BYTES:  # a reset takes back what was not read yet
                assert time.monotonic() < deadline, "the server does not read"
                time.sleep(0.005)
            sending.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sending.close()

    @contextmanager
    def _connected(self) -> Iterator[ftplib.FTP]:
        connection = ftplib.FTP(timeout=20)
        connection.connect("127.0.0.1", self.port)
        connection.login("camera", "camera")
        connection.voidcmd("TYPE I")
        try:
            yield connection
        finally:
            connection.close()

    def _pour(self, sending: socket.socket, data: bytes) -> None:
        for start in range(0, len(data), _BLOCK_BYTES):
            sending.sendall(data[start : start + _BLOCK_BYTES])
            time.sleep(self.pause_s)

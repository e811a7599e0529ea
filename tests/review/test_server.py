import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from studio_pipeline.errors import Refused
from studio_pipeline.review.server import ReviewServer, serve
from tests.review.memory_desk import MemoryDesk


@pytest.fixture
def server(desk: MemoryDesk, page_folder: Path) -> Iterator[ReviewServer]:
    with serve(desk, user="ada", page=page_folder) as running:
        yield running


@pytest.fixture
def browser_like(server: ReviewServer) -> Iterator[httpx.Client]:
    origin, _ = server.url.split("/?")
    with httpx.Client(base_url=origin, trust_env=False) as client:
        assert client.get(server.url, follow_redirects=True).status_code == 200
        yield client


def test_tells_the_address_once_it_answers(desk: MemoryDesk, page_folder: Path) -> None:
    told: list[str] = []
    with serve(desk, page=page_folder, on_ready=told.append) as server:
        assert told == [server.url]
        assert httpx.get(server.url, follow_redirects=True, trust_env=False).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url, trust_env=False)


def test_each_run_has_a_token_of_its_own(desk: MemoryDesk, page_folder: Path) -> None:
    with serve(desk, page=page_folder) as one, serve(desk, page=page_folder) as other:
        assert one.url.split("token=")[1] != other.url.split("token=")[1]


def test_a_taken_port_is_refused_in_one_line(desk: MemoryDesk, page_folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=f"port {port} .*--port") as refusal:
            serve(desk, port=port, page=page_folder)
    assert "\n" not in str(refusal.value)


def test_a_number_that_is_no_port_is_refused(desk: MemoryDesk, page_folder: Path) -> None:
    with pytest.raises(Refused, match="99999"):
        serve(desk, port=99999, page=page_folder)


def test_listens_on_the_loopback_address_only(server: ReviewServer) -> None:
    port = int(server.url.split(":")[2].split("/")[0])
    own_names = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in own_names - {"127.0.0.1"}:
        with pytest.raises(OSError), socket.create_connection((str(address), port), timeout=1):
            pass


def test_events_reach_the_page_and_end_with_the_server(
    server: ReviewServer, browser_like: httpx.Client, desk: MemoryDesk
) -> None:
    desk.arrive("1.NEF")
    with browser_like.stream("GET", "/api/events", headers={"Last-Event-ID": "0"}, timeout=10) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        fields = dict(line.split(": ", 1) for line in iter(lambda: next(lines), ""))
        assert (fields["event"], fields["id"]) == ("change", "1")
        assert json.loads(fields["data"])["captures"][0]["name"] == "1.NEF"
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 3
        list(lines)  # ends, as the server closed it in order


def test_stopping_twice_is_harmless(server: ReviewServer) -> None:
    server.stop()
    server.stop()

"""Nothing leaves this machine: every socket that Python opens, in the program and in its workers, is listed.

An audit hook does not see what a compiled library does by itself; none of those that ship has a reason to.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_HOOK = """
import os, sys
def _hook(event, args):
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"):
        told = args[1] if len(args) > 1 else None
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        told = args[0]
    else:
        return
    if isinstance(told, (str, bytes)) and event in ("socket.connect", "socket.bind", "socket.sendto"):
        return  # a pipe of this machine's own
    with open(os.environ["SOCKETS_SEEN"], "a") as file:
        file.write(f"{event} {told!r}\\n")
sys.addaudithook(_hook)
with open(os.environ["SOCKETS_SEEN"], "a") as file:
    file.write(f"process {os.getpid()}\\n")
"""
_THE_WHOLE_WAY = """
import sys
from pathlib import Path
from studio_pipeline.cli import call
from tests.support.finished import carry_the_whole_way
if __name__ == "__main__":
    done = carry_the_whole_way(Path(sys.argv[1]))
    assert [entry.state.value for entry in done.entries.values()].count("delivered") == 2
    sys.exit(call(["verify", str(done.session.output / "STP_0003.tif")]))
"""
_CONTROL = """
import multiprocessing, socket
def child():
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.connect(("192.0.2.1", 9))
    one.close()
if __name__ == "__main__":
    worker = multiprocessing.get_context("spawn").Process(target=child)
    worker.start()
    worker.join()
    try:
        socket.getaddrinfo("nowhere.invalid", 80)
    except OSError:
        pass
"""


@pytest.fixture()
def watched(tmp_path: Path) -> dict[str, str]:
    """An environment in which every Python process notes what it does with sockets."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(_HOOK)
    path = os.pathsep.join([str(tmp_path / "hook"), str(ROOT)])
    return os.environ | {"PYTHONPATH": path, "SOCKETS_SEEN": str(tmp_path / "seen")}


def seen(watched: dict[str, str]) -> tuple[int, list[str]]:
    """How many processes there were, and what they did."""
    lines = Path(watched["SOCKETS_SEEN"]).read_text().splitlines()
    acts = [line for line in lines if not line.startswith("process ")]
    return len(lines) - len(acts), acts


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "script.py"
    path.write_text(text)
    return str(path)


def test_the_hook_sees_a_connection_of_a_worker_and_a_look_up(
    tmp_path: Path, watched: dict[str, str]
) -> None:
    subprocess.run([sys.executable, script(tmp_path, _CONTROL)], env=watched, check=True)
    processes, acts = seen(watched)
    assert processes >= 2
    assert any("socket.connect ('192.0.2.1', 9)" in act for act in acts)
    assert any("socket.getaddrinfo 'nowhere.invalid'" in act for act in acts)


def test_from_the_camera_to_a_proved_file_no_socket_is_opened(
    tmp_path: Path, watched: dict[str, str]
) -> None:
    command = [sys.executable, script(tmp_path, _THE_WHOLE_WAY), str(tmp_path / "session")]
    done = subprocess.run(command, env=watched, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "proved" in done.stdout
    processes, acts = seen(watched)
    assert processes >= 3  # the program, and a worker of each lane at least
    assert acts == []


def test_the_page_listens_on_this_machine_alone(tmp_path: Path, watched: dict[str, str]) -> None:
    program = "from studio_pipeline.cli import main; main()"
    init = [sys.executable, "-c", program, "init", str(tmp_path / "session"), "--no-vault"]
    subprocess.run(init, env=watched, check=True, capture_output=True)
    shoot = [sys.executable, "-u", "-c", program, "shoot", str(tmp_path / "session")]
    environment = {key: value for key, value in watched.items() if "DISPLAY" not in key}
    with subprocess.Popen(shoot, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert "review page: http://127.0.0.1:" in running.stdout.readline()
        time.sleep(1)
        running.send_signal(signal.SIGINT)
        running.wait(60)
    _, acts = seen(watched)
    assert acts and all("('127.0.0.1', " in act for act in acts), acts
    assert {act.split()[0] for act in acts} <= {"socket.bind", "socket.connect"}

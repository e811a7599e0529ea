import io
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from studio_pipeline.errors import Refused, TryAgain
from studio_pipeline.review.app import create_app
from tests.review.memory_desk import EXTEND, HEAL, MemoryDesk


def test_refuses_to_start_without_the_built_page(desk: MemoryDesk, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not built"):
        create_app(desk, token="t", port=1, user="ada", page=tmp_path)


def test_tells_what_the_desk_knows(client: TestClient, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    assert [row["id"] for row in client.get("/api/status").json()["captures"]] == [capture]
    assert client.get(f"/api/captures/{capture}").json()["proposal"]["edits"][0]["name"] == EXTEND
    assert client.get("/api/health").json()["counts"] == {"proposed": 1}


def test_another_set_of_switches_has_another_hash(client: TestClient, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    both = client.get(f"/api/captures/{capture}").json()["proposal"]
    healed = client.get(f"/api/captures/{capture}/shown", params={"edits": HEAL}).json()
    none = client.get(f"/api/captures/{capture}/shown").json()
    assert len({both["shown_hash"], healed["shown_hash"], none["shown_hash"]}) == 3
    assert healed["canvas"] == [0, 0, *both["base"]]


def test_approves_exactly_what_was_shown(client: TestClient, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    shown = client.get(f"/api/captures/{capture}/shown", params={"edits": HEAL}).json()["shown_hash"]
    answer = client.post(f"/api/captures/{capture}/approve", json={"shown_hash": shown, "enabled": [HEAL]})
    assert answer.json()["state"] == "approved"
    assert ("approve", capture, shown, (HEAL,), "ada", "review page") in desk.calls


def test_an_approval_of_something_else_is_a_conflict(client: TestClient, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    shown = client.get(f"/api/captures/{capture}").json()["proposal"]["shown_hash"]
    desk.new_export(capture)
    answer = client.post(
        f"/api/captures/{capture}/approve", json={"shown_hash": shown, "enabled": [EXTEND, HEAL]}
    )
    assert answer.status_code == 409
    assert "look again" in answer.json()["error"]
    assert desk.rows[capture]["state"] == "proposed"


def test_rejects_and_revokes(client: TestClient, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    assert client.post(f"/api/captures/{capture}/reject").json()["state"] == "rejected"
    assert client.post(f"/api/captures/{capture}/revoke").json()["state"] == "proposed"


def test_both_doors_of_a_frame_that_needs_a_person(client: TestClient, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF", "needs-a-person", "no face was found")
    outline = [[[0, 0], [900.5, 0], [900.5, 700]]]
    assert client.post(f"/api/captures/{capture}/repaint", json={"polygons": outline}).status_code == 204
    assert client.post(f"/api/captures/{capture}/nobody-here").status_code == 204
    assert desk.calls == [("repaint", capture, outline, "ada"), ("nobody_here", capture, "ada")]


@pytest.mark.parametrize(
    "polygons", [[], [[[0, 0], [1, 1]]], [[[0, 0], [1, 1], [2]]], [[[0, 0], [1, 1], ["NaN", 2]]], "x"]
)
def test_an_outline_must_be_one(client: TestClient, desk: MemoryDesk, polygons: object) -> None:
    capture = desk.arrive("DSC_0001.NEF", "needs-a-person")
    answer = client.post(f"/api/captures/{capture}/repaint", json={"polygons": polygons})
    assert answer.status_code == 422
    assert "polygons" in answer.json()["error"]
    assert desk.calls == []


def test_tiles_and_previews_are_pictures(client: TestClient, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    at = f"/api/captures/{capture}"
    for layer, kind in [("before", "JPEG"), ("after", "JPEG"), ("mask", "PNG")]:
        answer = client.get(f"{at}/tiles/{layer}/11/1_0", params={"edits": f"{EXTEND},{HEAL}"})
        tile = Image.open(io.BytesIO(answer.content))
        assert (tile.format, tile.size) == (kind, (512, 512))
        assert answer.headers["content-type"] == f"image/{kind.lower()}"
    preview = Image.open(io.BytesIO(client.get(f"{at}/preview", params={"edge": 256}).content))
    assert max(preview.size) == 256
    assert ("tile", "after", (EXTEND, HEAL), 11, 1, 0) in desk.calls


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("tiles/thoughts/11/0_0", 422),
        ("tiles/after/11/-1_0", 404),
        ("tiles/after/11/x_0", 422),
        ("preview?edge=1", 422),
        ("preview?edge=100000", 422),
        ("nothing", 404),
    ],
)
def test_nonsense_gets_one_line(client: TestClient, desk: MemoryDesk, path: str, status: int) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    answer = client.get(f"/api/captures/{capture}/{path}")
    assert answer.status_code == status
    assert "\n" not in answer.json()["error"]


@pytest.mark.parametrize("verb", ["", "/shown", "/preview", "/tiles/after/9/0_0"])
def test_an_unknown_capture_is_not_found(client: TestClient, verb: str) -> None:
    assert client.get(f"/api/captures/abc{verb}").status_code == 404


def test_a_fault_of_ours_is_not_taken_for_an_unknown_capture(client: TestClient, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    with pytest.raises(KeyError, match="no such tile"):
        client.get(f"/api/captures/{capture}/tiles/after/11/99_99")


def test_a_passing_condition_says_so(
    client: TestClient, desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(capture_id: str, long_edge: int) -> bytes:
        raise TryAgain("the disk is full: free some space")

    monkeypatch.setattr(desk, "preview", busy)
    answer = client.get("/api/captures/x/preview")
    assert (answer.status_code, answer.json()) == (503, {"error": "the disk is full: free some space"})

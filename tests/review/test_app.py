import io
import json
from pathlib import Path

import httpx
import pytest
from PIL import Image
from starlette.testclient import TestClient

from studio_pipeline.errors import Refused, TryAgain
from studio_pipeline.geometry import Point
from studio_pipeline.records.hand import Wish
from studio_pipeline.records.proposal import Choice
from studio_pipeline.review.app import create_app
from studio_pipeline.review.server import serve
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


def test_a_reference_is_named_by_whoever_looks(client: TestClient, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    answer = client.post(f"/api/captures/{capture}/reference", json={"reference": True})
    assert answer.json()["reference"] is True
    assert desk.calls == [("mark_reference", capture, True, "ada")]
    assert client.post(f"/api/captures/{capture}/reference", json={}).status_code == 422


@pytest.mark.parametrize(
    "polygons", [[], [[[0, 0], [1, 1]]], [[[0, 0], [1, 1], [2]]], [[[0, 0], [1, 1], ["NaN", 2]]], "x"]
)
def test_an_outline_must_be_one(client: TestClient, desk: MemoryDesk, polygons: object) -> None:
    capture = desk.arrive("DSC_0001.NEF", "needs-a-person")
    answer = client.post(f"/api/captures/{capture}/repaint", json={"polygons": polygons})
    assert answer.status_code == 422
    assert "polygons" in answer.json()["error"]
    assert desk.calls == []


def test_items_are_switched_with_the_edits_and_bound_with_them(client: TestClient, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    proposal = client.get(f"/api/captures/{capture}").json()["proposal"]
    off = {HEAL: [proposal["edits"][1]["items"][2]["id"]]}
    asked = {"edits": f"{EXTEND},{HEAL}", "off": json.dumps(off)}
    shown = client.get(f"/api/captures/{capture}/shown", params=asked).json()["shown_hash"]
    assert shown != proposal["shown_hash"]
    tile = client.get(f"/api/captures/{capture}/tiles/after/11/0_0", params=asked)
    assert tile.status_code == 200
    said = {"shown_hash": shown, "enabled": [EXTEND, HEAL]}
    assert client.post(f"/api/captures/{capture}/approve", json=said).status_code == 409
    assert client.post(f"/api/captures/{capture}/approve", json=said | {"off": off}).status_code == 200
    assert desk.off == {HEAL: tuple(off[HEAL])}


def test_what_switches_show_comes_small_too(client: TestClient, desk: MemoryDesk) -> None:
    desk.candidates = 2
    capture = desk.arrive("DSC_0001.NEF")
    made = [{EXTEND: ["generated-2"]}, {EXTEND: ["generated-1"]}, {EXTEND: ["generated-1", "generated-2"]}]
    answers = [
        client.get(
            f"/api/captures/{capture}/small", params={"edits": EXTEND, "off": json.dumps(off), "edge": 128}
        )
        for off in made
    ]
    assert [one.headers["content-type"] for one in answers] == ["image/jpeg"] * 3
    assert len({one.content for one in answers}) == 3
    assert client.get(f"/api/captures/{capture}/small", params={"edge": 9000}).status_code == 422
    assert client.get("/api/captures/none/small").status_code == 404


def test_two_thousand_items_fit_into_an_address(desk: MemoryDesk, page_folder: Path) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    off = json.dumps({HEAL: [f"{n}-{10_000 - n}" for n in range(1000, 3000)]}, separators=(",", ":"))
    with serve(desk, user="ada", page=page_folder) as server:
        cookies = httpx.get(server.url).cookies
        address = f"{server.url.split('/?')[0]}/api/captures/{capture}/shown"
        answer = httpx.get(address, params={"edits": HEAL, "off": off}, cookies=cookies)
    assert answer.status_code == 200 and len(desk.calls[-1][2][HEAL]) == 2000


@pytest.mark.parametrize("off", ["x", "[]", '{"heal_spots": "7-9"}', '{"heal_spots": [1]}'])
def test_items_that_are_none_get_one_line(client: TestClient, desk: MemoryDesk, off: str) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    answer = client.get(f"/api/captures/{capture}/shown", params={"edits": HEAL, "off": off})
    assert answer.status_code == 422 and answer.json()["error"].startswith("off: ")
    assert "\n" not in answer.json()["error"]


SWITCHES = {"enabled": [HEAL], "off": {HEAL: ["7-9"]}}


def test_a_hand_comes_with_the_switches_that_were_on_the_screen(client: TestClient, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    area = [[[-40.4, 0], [0, 90.6], [30, 20]]]
    body = {"edit": HEAL, "area": area, "again": True} | SWITCHES
    assert client.post(f"/api/captures/{capture}/hand", json=body).json()["id"] == capture
    wish = Wish(area=((Point(-40, 0), Point(0, 91), Point(30, 20)),), again=True)
    choice = Choice(enabled=(HEAL,), off={HEAL: ("7-9",)})
    assert desk.calls == [("hand", capture, HEAL, wish, choice, "ada")]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"area": [[[0, 0], [1, 1]]]}, "at least 3"),
        ({"spare": [[[0, n] for n in range(501)]]}, "at most 500"),
        ({"spare": [[[0, 0], [1, 1], [2]]]}, "at least 2"),
        ({"area": [[[0, 0], [1, 1], ["NaN", 2]]]}, "finite"),
        ({"area": [[[0, 0], [1, 1], [1, 2]]] * 65}, "at most 64"),
        ({"brush": 3}, "Extra inputs"),
        ({"edit": None}, "valid string"),
    ],
)
def test_a_hand_must_be_one(
    client: TestClient, desk: MemoryDesk, wrong: dict[str, object], said: str
) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    answer = client.post(f"/api/captures/{capture}/hand", json={"edit": HEAL} | SWITCHES | wrong)
    assert answer.status_code == 422 and said in answer.json()["error"]
    assert "\n" not in answer.json()["error"] and desk.calls == []


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

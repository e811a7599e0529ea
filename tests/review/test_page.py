"""The built page in a real Chromium, on a desk in memory."""

from __future__ import annotations

import io
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from studio_pipeline.records.hand import Wish
from studio_pipeline.records.proposal import Choice
from studio_pipeline.review.server import serve
from tests.review.conftest import Open
from tests.review.memory_desk import EXTEND, HEAL, MemoryDesk
from tests.review.studio_picture import TILE_PX
from tests.support.browser import Watched

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture
def url(desk: MemoryDesk, built_page: Path) -> Iterator[str]:
    with serve(desk, user="ada", page=built_page) as server:
        yield server.url


@pytest.fixture
def window(url: str, watched: Open) -> Watched:
    return watched(url)


@pytest.fixture
def page(window: Watched) -> Page:
    return window.page


def open_loupe(page: Page, capture: str) -> None:
    page.get_by_test_id(f"card-{capture}").dblclick()
    seen(page)


def seen(page: Page) -> None:
    """The render is on the screen: what is shown can be approved."""
    page.locator("[data-testid=approve]:enabled").wait_for()


def state(page: Page, capture: str, wanted: str) -> None:
    page.locator(f"[data-testid=card-{capture}][data-state={wanted}]").wait_for()


def panel_state(page: Page, wanted: str) -> None:
    page.locator(f".panel [data-testid=state][data-state={wanted}]").wait_for()


def test_an_empty_session_says_what_to_do(page: Page) -> None:
    page.get_by_text("/shoots/2026-03-14 Portraits/Capture").wait_for()
    assert page.get_by_test_id("last-frame").inner_text() == "no frame yet"


def test_frames_arrive_live_and_move_nothing(page: Page, desk: MemoryDesk) -> None:
    first = desk.arrive("DSC_0001.NEF", "taken-in")
    state(page, first, "taken-in")
    before = page.get_by_test_id(f"card-{first}").bounding_box()
    desk.set_state(first, "needs-a-person", "no face was found, but somebody stands there")
    second = desk.arrive("DSC_0002.NEF")
    state(page, second, "proposed")
    state(page, first, "needs-a-person")
    assert page.get_by_test_id(f"card-{first}").bounding_box() == before
    assert page.get_by_test_id("count-all").inner_text() == "2"
    assert re.fullmatch(r"last frame (just now|\d s ago)", page.get_by_test_id("last-frame").inner_text())
    picture = page.get_by_test_id(f"card-{second}").locator("img")
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())


def test_frames_of_one_state(page: Page, desk: MemoryDesk) -> None:
    desk.arrive("1.NEF")
    odd = desk.arrive("2.CR2", "quarantined", "this is text, not a RAW file")
    state(page, odd, "quarantined")
    page.get_by_test_id("filter-quarantined").click()
    assert page.get_by_test_id("grid").locator("button").count() == 1
    assert "This is text, not a RAW file" in page.get_by_test_id(f"card-{odd}").inner_text()
    page.get_by_test_id("filter-delivered").click()
    assert "Delivered" in page.get_by_test_id("empty").inner_text()


def test_switches_an_edit_and_approves_what_is_shown(page: Page, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    open_loupe(page, capture)
    with_both = page.get_by_test_id("loupe").get_attribute("data-shown")
    page.get_by_test_id(f"switch-{EXTEND}").click()
    page.wait_for_function(
        "old => document.querySelector('[data-testid=loupe]').dataset.shown !== old", arg=with_both
    )
    shown = page.get_by_test_id("loupe").get_attribute("data-shown")
    seen(page)
    page.get_by_test_id("approve").click()
    panel_state(page, "approved")
    assert ("approve", capture, shown, (HEAL,), "ada", "review page") in desk.calls
    page.get_by_test_id("revoke").click()
    panel_state(page, "proposed")


def test_a_render_that_was_not_seen_cannot_be_approved(
    window: Watched, page: Page, desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        return b"not a picture"

    window.expect("failed to load")
    monkeypatch.setattr(desk, "tile", broken)
    capture = desk.arrive("DSC_0001.NEF")
    page.get_by_test_id(f"card-{capture}").dblclick()
    page.get_by_test_id("loupe").wait_for()
    page.wait_for_timeout(500)
    assert page.get_by_test_id("approve").is_disabled()
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)
    assert desk.rows[capture]["state"] == "proposed"


def test_a_conflict_shows_its_reason_and_the_new_proposal(
    window: Watched, page: Page, desk: MemoryDesk
) -> None:
    window.expect("409")
    capture = desk.arrive("DSC_0001.NEF")
    open_loupe(page, capture)
    old = page.get_by_test_id("loupe").get_attribute("data-shown")
    desk.new_export(capture, silently=True)
    page.keyboard.press("Enter")
    page.get_by_text("look again, then approve").wait_for()
    page.wait_for_function(
        "old => document.querySelector('[data-testid=loupe]').dataset.shown !== old", arg=old
    )
    assert desk.rows[capture]["state"] == "proposed"
    seen(page)
    page.keyboard.press("Enter")
    panel_state(page, "approved")


def test_at_100_percent_each_pixel_of_the_picture_is_one_of_the_screen(page: Page, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    open_loupe(page, capture)
    page.get_by_test_id("zoom100").click()
    page.get_by_text("100%", exact=True).first.wait_for()
    seen(page)
    page.wait_for_timeout(600)
    pane = page.locator(".pane").bounding_box()
    assert pane is not None
    # Between the tags and the pane's borders; wider than a tile, so a border of two tiles lies within.
    top, left = round(pane["y"]) + 60, round(pane["x"]) + 60
    screen = rgb(page.screenshot())[top : top + 480, left : left + 600]
    tiles = tiled(desk, (EXTEND, HEAL), capture)
    _, _, (x, y), _ = cv2.minMaxLoc(cv2.matchTemplate(tiles, screen, cv2.TM_SQDIFF))
    difference = np.abs(tiles[y : y + 480, x : x + 600].astype(int) - screen)
    assert difference.max() <= 2  # between two JPEG decoders
    assert difference.mean() < 0.1


def rgb(content: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def tiled(desk: MemoryDesk, enabled: tuple[str, ...], capture: str) -> NDArray[np.uint8]:
    """The tiles of the full size, put together: ``(h, w, 3)``."""
    canvas = desk.picture.extended
    level = math.ceil(math.log2(max(canvas.height, canvas.width)))
    rows, cols = math.ceil(canvas.height / TILE_PX), math.ceil(canvas.width / TILE_PX)
    tiles = [
        [rgb(desk.tile(capture, "after", Choice(enabled=enabled), level, col, row)) for col in range(cols)]
        for row in range(rows)
    ]
    return np.vstack([np.hstack(row) for row in tiles])


def test_before_and_after_beside_each_other_and_split(page: Page, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    open_loupe(page, capture)
    page.keyboard.press("Shift+Y")
    divider = page.get_by_test_id("divider")
    divider.focus()
    page.keyboard.press("ArrowRight")
    assert divider.get_attribute("aria-valuenow") == "52"
    page.keyboard.press("y")
    assert page.locator(".pane").count() == 2
    page.keyboard.press("\\")
    page.get_by_text("Original", exact=True).last.wait_for()
    page.keyboard.press("o")
    page.wait_for_timeout(400)
    layers = {call[1] for call in desk.calls if call[0] == "tile"}
    assert layers == {"before", "after", "mask"}


def test_outside_the_base_the_original_shows_the_surround(page: Page, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    open_loupe(page, capture)
    pane = page.locator(".pane").bounding_box()
    assert pane is not None
    y, x = round(pane["y"] + pane["height"] * 0.06), round(pane["x"] + pane["width"] / 2)
    surround = rgb(page.screenshot())[round(pane["y"]) + 3, round(pane["x"]) + 3]
    assert rgb(page.screenshot())[y, x].min() > surround.max() + 20  # backdrop that was added
    page.keyboard.press("\\")
    page.wait_for_timeout(600)
    np.testing.assert_array_equal(rgb(page.screenshot())[y, x], surround)


def test_beside_each_other_the_left_is_the_original(page: Page, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    open_loupe(page, capture)
    page.keyboard.press("y")
    page.wait_for_timeout(800)
    left, right = (rgb(pane.screenshot()) for pane in page.locator(".pane").all())
    # Just inside the canvas: added backdrop on the right, nothing of the original on the left.
    y, x = left.shape[0] // 2, round(left.shape[1] * 0.06)
    assert left[y, x].max() < 80 < right[y, x].min()
    middle = (slice(y, None), slice(left.shape[1] // 3, -left.shape[1] // 3))
    np.testing.assert_allclose(left[middle].mean((0, 1)), right[middle].mean((0, 1)), atol=2)


def test_switching_to_and_fro_leaves_no_older_render_behind(page: Page, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    open_loupe(page, capture)
    whole = rgb(page.locator(".pane").screenshot())
    for _ in range(4):
        page.get_by_test_id(f"switch-{EXTEND}").click()
    page.wait_for_timeout(300)
    seen(page)
    page.wait_for_timeout(600)
    np.testing.assert_array_equal(rgb(page.locator(".pane").screenshot()), whole)


def test_the_next_frame_is_made_ready(page: Page, desk: MemoryDesk) -> None:
    first, second = desk.arrive("DSC_0001.NEF"), desk.arrive("DSC_0002.NEF")
    with page.expect_response(lambda answer: f"{second}/tiles/after" in answer.url):
        open_loupe(page, first)


def test_the_whole_review_by_keys(page: Page, desk: MemoryDesk) -> None:
    first, second, third = (desk.arrive(f"DSC_000{n}.NEF") for n in (1, 2, 3))
    state(page, third, "proposed")
    for key in ("e", "x", "ArrowRight"):
        page.keyboard.press(key)
    panel_state(page, "proposed")
    seen(page)
    page.keyboard.press("Enter")
    panel_state(page, "approved")
    page.keyboard.press("g")
    state(page, first, "rejected")
    state(page, second, "approved")
    page.keyboard.press("u")
    state(page, second, "proposed")
    page.keyboard.press("?")
    assert page.get_by_test_id("help").is_visible()
    page.keyboard.press("Escape")
    assert page.get_by_test_id("help").is_hidden()


def test_caps_lock_goes_on_by_itself(page: Page, desk: MemoryDesk) -> None:
    first, second = desk.arrive("DSC_0001.NEF"), desk.arrive("DSC_0002.NEF")
    open_loupe(page, first)
    press_with_caps_lock(page, "X")
    page.get_by_role("heading", name="DSC_0002.NEF").wait_for()
    assert page.get_by_test_id("auto-advance").is_visible()
    assert (desk.rows[first]["state"], desk.rows[second]["state"]) == ("rejected", "proposed")


def press_with_caps_lock(page: Page, key: str) -> None:
    # A lock's state belongs to the machine, which the driver cannot change.
    page.evaluate(
        "key => document.body.dispatchEvent(new KeyboardEvent('keydown', "
        "{key, modifierCapsLock: true, bubbles: true, cancelable: true}))",
        key,
    )


def test_nobody_here_asks_once_more(page: Page, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF", "needs-a-person", "no face was found")
    page.get_by_test_id(f"card-{capture}").dblclick()
    assert "No face was found." in page.get_by_test_id("needs-person").inner_text()
    page.get_by_test_id("nobody-here").click()
    page.get_by_test_id("nobody-here-cancel").click()
    assert desk.calls == [call for call in desk.calls if call[0] == "tile"]
    page.get_by_test_id("nobody-here").click()
    desk.set_state(capture, "needs-a-person", "still no face was found")  # news do not answer the question
    page.get_by_text("Still no face was found").wait_for()
    page.get_by_test_id("nobody-here-confirm").click()
    panel_state(page, "proposed")
    assert ("nobody_here", capture, "ada") in desk.calls


def test_an_outline_is_sent_in_master_pixels(page: Page, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF", "needs-a-person", "no face was found")
    open_loupe(page, capture)
    page.get_by_test_id("draw-outline").click()
    pane = page.locator(".pane").bounding_box()
    assert pane is not None
    shown = desk.picture.extended
    scale = min(pane["height"] / shown.height, pane["width"] / shown.width) / 1.06
    centre = (pane["x"] + pane["width"] / 2, pane["y"] + pane["height"] / 2)
    corners = [(300.0, 300.0), (300.0, 900.0), (1190.0, 900.0)]
    for y, x in corners:
        dx, dy = x - (shown.x0 + shown.x1) / 2, y - (shown.y0 + shown.y1) / 2
        page.mouse.click(centre[0] + dx * scale, centre[1] + dy * scale)
        page.wait_for_timeout(350)  # two quick clicks are a zoom
    page.get_by_test_id("outline-send").click()
    panel_state(page, "proposed")
    ((_, _, polygons, user),) = [call for call in desk.calls if call[0] == "repaint"]
    assert user == "ada"
    np.testing.assert_allclose(np.array(polygons[0]), np.array(corners), atol=2 / scale)


def open_items(page: Page, capture: str) -> None:
    open_loupe(page, capture)
    page.get_by_test_id(f"more-{HEAL}").click()
    page.get_by_test_id("items").wait_for()


def test_one_item_is_switched_off_and_exactly_that_is_approved(page: Page, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    open_items(page, capture)
    whole = rgb(page.locator(".pane").screenshot())
    first, second = (f"{y}-{x}" for y, x in desk.picture.dust_yx[:2])
    page.get_by_test_id(f"item-{first}").get_by_role("checkbox").click()
    page.get_by_text("8 of 9 on").wait_for()
    page.get_by_test_id(f"item-{second}").get_by_role("checkbox").click()
    page.get_by_test_id(f"item-{second}").get_by_role("checkbox").click()
    seen(page)
    page.get_by_test_id(f"more-{HEAL}").click()  # its frames are no part of the picture
    assert (rgb(page.locator(".pane").screenshot()) != whole).any()
    page.keyboard.press("Enter")
    panel_state(page, "approved")
    assert desk.off == {HEAL: (first,)}


def test_a_kind_has_a_switch_and_what_was_switched_is_kept_while_away(page: Page, desk: MemoryDesk) -> None:
    desk.more_items = [
        {"id": f"lint-{n}", "kind": "lint", "roi": [n, n, n + 9, n + 9], "said": ""} for n in range(400)
    ]
    capture, other = desk.arrive("DSC_0001.NEF"), desk.arrive("DSC_0002.NEF")
    open_items(page, capture)
    spots, lint = (page.get_by_test_id(f"group-{kind}") for kind in ("spot", "lint"))
    spots.uncheck()
    page.get_by_text("0 of 9 on").wait_for()
    assert spots.is_enabled() and not spots.is_checked() and lint.is_checked()
    page.get_by_test_id("item-lint-7").get_by_role("checkbox").uncheck()
    assert lint.evaluate("box => box.indeterminate")
    seen(page)
    page.keyboard.press("ArrowRight")
    page.get_by_role("heading", name="DSC_0002.NEF").wait_for()
    page.get_by_role("button", name="Heal dust on the backdrop: 409 items", exact=True).wait_for()
    assert desk.rows[other]["state"] == "proposed"
    page.keyboard.press("ArrowLeft")
    page.get_by_text("409 items, 10 off").wait_for()
    seen(page)


def test_one_item_that_is_offered_is_named_and_read_whole(
    page: Page, desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.picture, "dust_yx", desk.picture.dust_yx[:1])
    capture = desk.arrive("DSC_0001.NEF")
    open_items(page, capture)
    more = page.get_by_test_id(f"more-{HEAL}")
    assert more.inner_text().endswith("Spot: on")
    row = page.get_by_test_id("items").locator("li")
    row.get_by_role("checkbox").click()
    page.get_by_text("Spot: off").wait_for()
    place = row.locator("button")
    assert place.evaluate("e => getComputedStyle(e).textDecorationLine") == "none"
    assert place.evaluate("e => e.scrollWidth <= e.clientWidth")


def test_a_pressed_button_is_readable_under_the_pointer(page: Page, desk: MemoryDesk) -> None:
    open_items(page, desk.arrive("DSC_0001.NEF"))
    button = page.get_by_test_id("draw-area")
    button.click()
    button.hover()
    page.locator("[data-testid=draw-area][aria-pressed=true]").wait_for()
    grounds = button.evaluate("e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]")
    light, dark = (int(re.findall(r"\d+", colour)[0]) for colour in grounds)
    assert light > 200 and dark < 50


def test_hundreds_of_items_are_one_stop_for_tab_and_show_their_place(page: Page, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    open_items(page, capture)
    page.mouse.move(5, 5)
    page.get_by_test_id("group-spot").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    y, _ = desk.picture.dust_yx[1]
    pointed = page.get_by_test_id("pointed").bounding_box()
    pane = page.locator(".pane").bounding_box()
    assert pointed is not None and pane is not None
    shown = desk.picture.extended
    scale = min(pane["height"] / shown.height, pane["width"] / shown.width) / 1.06
    centre_y = pane["y"] + pane["height"] / 2 + (y - (shown.y0 + shown.y1) / 2) * scale
    assert pointed["y"] + pointed["height"] / 2 == pytest.approx(centre_y, abs=3)
    named = page.locator(":focus").get_attribute("aria-label")
    assert named is not None and named.startswith("Spot 2: 7 px across")
    page.keyboard.press(" ")
    page.get_by_text("8 of 9 on").wait_for()
    page.keyboard.press("Tab")  # to the same item's place
    page.keyboard.press("Enter")
    page.get_by_text("100%", exact=True).first.wait_for()
    pointed = page.get_by_test_id("pointed").bounding_box()
    assert pointed is not None
    assert pointed["x"] + pointed["width"] / 2 == pytest.approx(pane["x"] + pane["width"] / 2, abs=3)
    page.keyboard.press("Tab")
    page.get_by_test_id("pointed").wait_for(state="detached")  # out of the list
    assert desk.rows[capture]["state"] == "proposed"


def test_an_area_is_drawn_beyond_the_picture_added_to_and_taken_back(page: Page, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    open_items(page, capture)
    page.get_by_test_id("draw-area").press("Enter")
    page.evaluate("document.activeElement.blur()")
    for keys in (("Shift+ArrowUp",) * 6, ("Shift+ArrowLeft",) * 6, ("Shift+ArrowDown",) * 2):
        for key in (*keys, " "):
            page.keyboard.press(key)
    page.get_by_test_id("outline-send").click()
    page.get_by_text("By hand: one area drawn").wait_for()
    page.get_by_test_id("hand-area").wait_for()
    (call,) = [call for call in desk.calls if call[0] == "hand"]
    (polygon,) = call[3].area
    assert min(p.y for p in polygon) < desk.picture.extended.y0  # above all that is there
    assert call[2] == HEAL and call[3].spare is None and call[4] == Choice(enabled=(EXTEND, HEAL))

    page.get_by_test_id("draw-area").click()  # what was drawn can be taken back, corner by corner or whole
    page.get_by_test_id("outline").locator("polygon").wait_for()
    page.keyboard.press("Backspace")
    page.get_by_test_id("outline-send").click()
    page.get_by_text("By hand: one area drawn").wait_for(state="detached")
    page.get_by_test_id("again").click()
    page.get_by_text("By hand: try 2").wait_for()
    page.get_by_test_id("as-proposed").click()
    page.get_by_test_id("as-proposed").wait_for(state="detached")
    assert [call[3] for call in desk.calls if call[0] == "hand"][1:] == [
        Wish(area=()), Wish(again=True), Wish(clear=True),
    ]  # fmt: skip


def test_many_switches_are_one_question_at_a_time(
    page: Page, desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    open_items(page, capture)
    shown = desk.shown

    def slow(capture_id: str, choice: Choice) -> object:
        time.sleep(0.4)  # the server measures
        return shown(capture_id, choice)

    monkeypatch.setattr(desk, "shown", slow)
    ids = [f"{y}-{x}" for y, x in desk.picture.dust_yx[:6]]
    for one in ids:
        page.get_by_test_id(f"item-{one}").get_by_role("checkbox").click()
    page.get_by_text("3 of 9 on").wait_for()
    seen(page)
    asked = [call[2] for call in desk.calls if call[0] == "shown"]
    assert set(asked[-1][HEAL]) == set(ids) and len(asked) < len(ids)


def test_an_outline_by_keys_alone(page: Page, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF", "needs-a-person", "no face was found")
    open_loupe(page, capture)
    page.get_by_test_id("draw-outline").press("Enter")
    page.get_by_test_id("outline").wait_for()
    page.evaluate("document.activeElement.blur()")
    for key in ("ArrowLeft", " ", "Shift+ArrowRight", " ", "Shift+ArrowDown", " ", "Enter"):
        page.keyboard.press(key)
    page.get_by_test_id("outline-send").press("Enter")
    panel_state(page, "proposed")
    ((_, _, polygons, _),) = [call for call in desk.calls if call[0] == "repaint"]
    assert len(polygons[0]) == 3


def test_what_may_cost_frames_is_red_until_it_is_mended(page: Page, desk: MemoryDesk) -> None:
    alarms = page.get_by_test_id("alarms")
    assert alarms.inner_text() == ""
    desk.alarms += [f"{number} originals may exist only once" for number in range(2, 6)]
    alarms.get_by_text("2 originals may exist only once").wait_for()
    red, green, blue = map(
        int, re.findall(r"\d+", alarms.evaluate("one => getComputedStyle(one).backgroundColor"))[:3]
    )
    assert red > 2 * max(green, blue)
    assert alarms.locator("p").count() == 2
    alarms.get_by_role("button", name="2 more").click()
    assert alarms.locator("p").count() == 4
    desk.alarms.clear()
    alarms.locator("p").first.wait_for(state="detached")
    assert alarms.bounding_box() in (None, {**(alarms.bounding_box() or {}), "height": 0})


def test_what_is_only_said_stands_in_the_last_line_and_so_do_two_cameras(
    page: Page, desk: MemoryDesk
) -> None:
    desk.notices.append("Capture/link.NEF is a link to nothing")
    page.get_by_test_id("notices").get_by_text("is a link to nothing").wait_for()
    assert page.get_by_test_id("cameras").count() == 0
    for serial, frames in (("3001234", 12), ("3005678", 3)):
        desk.cameras.append({"serial": serial, "frames": frames, "last_frame_age_s": 5.0})
    page.get_by_text("12 from …1234").wait_for()
    page.get_by_text("3 from …5678").wait_for()


def test_a_capture_names_its_copies(page: Page, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    desk.rows[capture]["copies"] = ["Selects/DSC_0001.NEF"]
    open_loupe(page, capture)
    page.get_by_text("Selects/DSC_0001.NEF").wait_for()
    page.get_by_text("a copy of it").wait_for()


def test_without_its_key_the_page_says_where_to_get_it(url: str, watched: Open) -> None:
    window = watched(url.split("?")[0])
    window.expect("403")
    window.page.get_by_test_id("refused").wait_for()


def test_a_lost_program_is_told_and_a_new_run_wants_its_own_address(
    desk: MemoryDesk, built_page: Path, watched: Open
) -> None:
    with serve(desk, user="ada", page=built_page) as server:
        window = watched(server.url)
        window.expect("403|ERR_")
        desk.arrive("DSC_0001.NEF")
        window.page.get_by_text("DSC_0001.NEF").wait_for()
    window.page.get_by_text("The program does not answer").wait_for()
    port = int(server.url.split(":")[2].split("/")[0])
    with serve(desk, port=port, user="ada", page=built_page):
        window.page.get_by_test_id("refused").wait_for()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
def test_fits_its_window(url: str, desk: MemoryDesk, watched: Open, width: int, height: int) -> None:
    for number in range(20):
        desk.arrive(f"DSC_{number:04d}.NEF")
    page = watched(url, width, height).page
    page.get_by_text("DSC_0000.NEF").first.dblclick()
    seen(page)
    size = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert size == [width, height]
    for name in ("approve", "reject", "revoke", "zoom100"):
        box = page.get_by_test_id(name).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height


def test_p_picks_and_unpicks(page: Page, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    page.get_by_test_id(f"card-{capture}").click()
    page.keyboard.press("p")
    page.locator(f"[data-testid=card-{capture}] [data-testid=picked]").wait_for()
    page.keyboard.press("p")
    page.locator(f"[data-testid=card-{capture}] [data-testid=picked]").wait_for(state="detached")
    assert [call for call in desk.calls if call[0] == "pick"] == [
        ("pick", capture, True),
        ("pick", capture, False),
    ]


def test_a_reference_is_named_by_key_and_by_button(page: Page, desk: MemoryDesk) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    page.get_by_test_id(f"card-{capture}").click()
    page.keyboard.press("r")
    page.get_by_test_id(f"card-{capture}").get_by_text("reference").wait_for()
    open_loupe(page, capture)
    page.locator("[data-testid=reference][aria-pressed=true]").click()
    page.locator("[data-testid=reference][aria-pressed=false]").wait_for()
    assert [call for call in desk.calls if call[0] == "mark_reference"] == [
        ("mark_reference", capture, True, "ada"),
        ("mark_reference", capture, False, "ada"),
    ]


def test_what_is_set_aside_cannot_be_a_reference(page: Page, desk: MemoryDesk) -> None:
    odd = desk.arrive("2.CR2", "quarantined", "this is text, not a RAW file")
    page.get_by_test_id(f"card-{odd}").click()
    page.keyboard.press("r")
    page.keyboard.press("e")
    page.locator("[data-testid=reference]:disabled").wait_for()
    assert not [call for call in desk.calls if call[0] == "mark_reference"]


def test_a_sure_frame_is_said_to_be_an_empty_set_by_key_and_asked_once_more(
    page: Page, desk: MemoryDesk
) -> None:
    capture = desk.arrive("DSC_0001.NEF")
    open_loupe(page, capture)
    page.keyboard.press("n")
    page.get_by_test_id("nobody-here-cancel").click()
    page.get_by_test_id("nobody-here").click()
    with page.expect_response("**/nobody-here"):
        page.keyboard.press("Enter")  # the answer has the focus: it is no approval
    page.get_by_test_id("nobody-here-confirm").wait_for(state="detached")
    assert ("nobody_here", capture, "ada") in desk.calls
    assert not [call for call in desk.calls if call[0] == "approve"]


def test_the_question_is_gone_with_the_frame(page: Page, desk: MemoryDesk) -> None:
    first, _ = desk.arrive("DSC_0001.NEF"), desk.arrive("DSC_0002.NEF")
    open_loupe(page, first)
    page.keyboard.press("n")
    page.get_by_test_id("nobody-here-confirm").wait_for()
    page.keyboard.press("ArrowRight")
    page.get_by_test_id("nobody-here-confirm").wait_for(state="detached")


def test_the_frames_that_a_proposal_was_made_beside_are_named(page: Page, desk: MemoryDesk) -> None:
    empty, capture = desk.arrive("DSC_0001.NEF"), desk.arrive("DSC_0002.NEF")
    desk.rows[empty]["kind"] = "empty-set"
    desk.beside[capture] = [
        {"role": "empty set", "id": empty, "name": "DSC_0001", "edits": [EXTEND]},
        {"role": "reference", "id": capture, "name": "DSC_0002", "edits": []},
    ]
    open_loupe(page, capture)
    lines = page.get_by_test_id("beside").inner_text()
    assert "Empty set: DSC_0001 · Extend the background" in re.sub(r"\s+", " ", lines)
    assert "Reference: this frame itself · not used" in re.sub(r"\s+", " ", lines)
    page.get_by_test_id("beside-empty-set").click()
    page.get_by_role("complementary", name="Review of DSC_0001.NEF").wait_for()


def test_consent_is_shown_and_recorded_for_a_person(page: Page, desk: MemoryDesk) -> None:
    capture = desk.arrive("IMG_1.CR3")
    open_loupe(page, capture)
    consent = page.get_by_test_id("consent")
    consent.get_by_text("Consent is backdrop only.").wait_for()
    page.get_by_test_id("consent-open").click()
    page.get_by_test_id("consent-people").fill("Ada, Ben")
    page.get_by_test_id("consent-name").click()
    consent.get_by_text("In the picture: Ada, Ben").wait_for()
    page.get_by_test_id("consent-subject").select_option("Ada")
    page.get_by_test_id("consent-level").select_option("bounded retouch")
    page.get_by_test_id("consent-no-generative").check()
    page.get_by_test_id("consent-set").click()
    consent.get_by_text("Consent is bounded retouch, no generative pixels (").wait_for()
    said = [call for call in desk.calls if call[0] in ("people", "consent")]
    assert said[0] == ("people", capture, ["Ada", "Ben"])
    assert said[1][:3] == ("consent", "Ada", "bounded retouch, no generative pixels")


class TestCandidates:
    """What a model made, side by side with what is made without one."""

    @pytest.fixture
    def desk(self, desk: MemoryDesk) -> MemoryDesk:
        desk.candidates = 3
        return desk

    def test_each_is_a_picture_of_its_own_and_the_chosen_one_is_approved(
        self, page: Page, desk: MemoryDesk
    ) -> None:
        capture = desk.arrive("DSC_0001.NEF")
        open_loupe(page, capture)
        group = page.get_by_role("radiogroup", name="What fills it")
        names = group.get_by_role("radio")
        assert names.count() == 4
        page.wait_for_function(
            "() => [...document.querySelectorAll('[role=radiogroup] img')].every(i => i.naturalWidth > 0)"
        )
        pictures = [rgb(one.screenshot()) for one in group.locator("img").all()]
        assert len({one.tobytes() for one in pictures}) == 4
        assert group.get_by_role("radio", name="Made by sdxl, seed 1", exact=True).is_checked()
        first = rgb(page.locator(".pane").screenshot())

        page.get_by_test_id("candidate-generated-2").click()
        assert group.get_by_role("radio", name="Made by sdxl, seed 1001").is_checked()
        seen(page)
        assert (rgb(page.locator(".pane").screenshot()) != first).any()
        page.keyboard.press("Enter")
        panel_state(page, "approved")
        assert desk.off == {EXTEND: ("generated-1", "generated-3")}

    def test_arrows_choose_and_leave_the_frame_alone(self, page: Page, desk: MemoryDesk) -> None:
        capture = desk.arrive("DSC_0001.NEF")
        desk.arrive("DSC_0002.NEF")
        open_loupe(page, capture)
        group = page.get_by_role("radiogroup", name="What fills it")
        group.get_by_role("radio").first.focus()
        page.keyboard.press("ArrowUp")  # round to the last
        assert group.get_by_role("radio", name="Without a model").is_checked()
        assert page.get_by_test_id("loupe").get_attribute("data-capture") in (None, capture)
        assert page.locator(".panel h2").inner_text() == "DSC_0001.NEF"
        seen(page)
        page.keyboard.press("Enter")
        panel_state(page, "approved")
        assert desk.off == {EXTEND: ("generated-1", "generated-2", "generated-3")}

    def test_with_the_edit_off_they_wait_and_stand_in_no_other_list(
        self, page: Page, desk: MemoryDesk
    ) -> None:
        open_loupe(page, desk.arrive("DSC_0001.NEF"))
        page.get_by_test_id(f"switch-{EXTEND}").click()
        assert page.get_by_role("radiogroup", name="What fills it").get_by_role("radio").first.is_disabled()
        page.get_by_test_id(f"more-{EXTEND}").click()
        assert page.get_by_test_id("items").count() == 0

    def test_without_a_model_there_is_nothing_to_choose(self, page: Page, desk: MemoryDesk) -> None:
        desk.candidates = 0
        open_loupe(page, desk.arrive("DSC_0001.NEF"))
        assert page.get_by_role("radiogroup").count() == 0


def test_beside_each_other_both_show_the_place_that_was_looked_at(page: Page, desk: MemoryDesk) -> None:
    """Also where the first layer of the new pane takes its time to arrive."""
    open_loupe(page, desk.arrive("DSC_0001.NEF"))
    page.keyboard.press("z")
    page.wait_for_timeout(600)
    page.route("**/preview*", lambda route: (time.sleep(0.4), route.continue_()))
    page.keyboard.press("y")
    page.wait_for_timeout(1500)
    left, right = (rgb(pane.screenshot()).astype(np.float32) for pane in page.locator(".pane").all())
    inner = (slice(80, -80), slice(80, -80))
    assert left.shape == right.shape and np.abs(left[inner] - right[inner]).mean() < 4

from __future__ import annotations

import random
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hot_folder import ExposureHints, Place
from hot_folder.grouping import Address, Member, group_members, primary
from hot_folder.names import split

NOON = datetime(2024, 5, 1, 12, 0, 0)


def member(path: str, taken: datetime | None = None, serial: str | None = None, moved_to: str = "") -> Member:
    paths = [path, moved_to] if moved_to else [path]
    addresses = tuple(Address(Place(p.split("/")[0].lower()), *split(p.encode())) for p in paths)
    return Member(id=0, addresses=addresses, hints=ExposureHints(taken, serial))


def captures(*members: Member) -> set[frozenset[str]]:
    return {
        frozenset((m.addresses[-1].folder + b"/" + m.addresses[-1].name).decode() for m in group)
        for group in group_members(members)
    }


def one_capture(*members: Member) -> bool:
    return len(captures(*members)) == 1


def test_raw_tiff_jpeg_and_both_kinds_of_sidecar_are_one_capture() -> None:
    names = ["IMG_0001.CR3", "IMG_0001.tif", "IMG_0001.JPG", "IMG_0001.xmp", "IMG_0001.CR3.xmp"]
    assert one_capture(*(member(f"Capture/{name}") for name in names))


def test_a_dng_made_of_the_raw_joins_it_and_does_not_lead() -> None:
    dng, raw = member("Capture/a.DNG"), member("Capture/a.CR3")
    assert one_capture(dng, raw)
    assert primary([dng, raw]) == raw


def test_other_stems_are_other_captures() -> None:
    assert not one_capture(member("Capture/IMG_0001.CR3"), member("Capture/IMG_0002.JPG"))


def test_a_second_body_in_another_folder_is_another_capture() -> None:
    raw = member("Capture/DSC_0001.NEF")
    assert not one_capture(raw, member("Capture/BodyB/DSC_0001.NEF"))
    assert not one_capture(raw, member("Capture/BodyB/DSC_0001.JPG"))
    assert not one_capture(member("Capture/BodyA/DSC_0001.NEF"), member("Capture/BodyB/DSC_0001.NEF"))


def test_each_body_keeps_its_own_jpeg_and_export() -> None:
    members = [
        member(f"Capture/{body}/DSC_0001.{ending}") for body in ("A", "B") for ending in ("NEF", "JPG", "xmp")
    ] + [member("Capture/B/Output/DSC_0001.tif")]
    assert captures(*members) == {
        frozenset({"Capture/A/DSC_0001.NEF", "Capture/A/DSC_0001.JPG", "Capture/A/DSC_0001.xmp"}),
        frozenset(
            {
                "Capture/B/DSC_0001.NEF",
                "Capture/B/DSC_0001.JPG",
                "Capture/B/DSC_0001.xmp",
                "Capture/B/Output/DSC_0001.tif",
            }
        ),
    }


def test_exports_below_the_capture_and_in_the_output_folder_join() -> None:
    raw = member("Capture/day 1/IMG_0001.CR3")
    for export in (
        "Capture/day 1/Output/IMG_0001.tif",
        "Capture/day 1/16 bit/IMG_0001.tif",
        "Capture/day 1/Export/IMG_0001.jpg",
        "Output/IMG_0001.tif",
        "Output/day 1/IMG_0001 1.tif",
    ):
        assert one_capture(raw, member(export)), export


def test_an_export_that_could_be_of_two_frames_waits_for_its_time() -> None:
    later = NOON + timedelta(minutes=5)
    one, two = member("Capture/A/DSC_0001.NEF", NOON), member("Capture/B/DSC_0001.NEF", later)
    assert len(captures(one, two, member("Output/DSC_0001.tif"))) == 3
    assert captures(one, two, member("Output/DSC_0001.tif", later)) == {
        frozenset({"Capture/A/DSC_0001.NEF"}),
        frozenset({"Capture/B/DSC_0001.NEF", "Output/DSC_0001.tif"}),
    }


def test_a_numbered_reexport_joins_and_a_numbered_frame_does_not() -> None:
    raw = member("Capture/IMG_0001.CR3", NOON)
    assert one_capture(raw, member("Capture/IMG_0001 1.tif"))
    assert one_capture(raw, member("Capture/Output/IMG_0001 2.tif"))
    assert not one_capture(raw, member("Capture/IMG_0001 1.jpg"))
    assert one_capture(raw, member("Capture/IMG_0001 1.jpg", NOON))
    smith, smith_1 = member("Capture/Smith.CR3"), member("Capture/Smith 1.CR3")
    assert captures(smith, smith_1, member("Capture/Smith 1.tif")) == {
        frozenset({"Capture/Smith.CR3"}),
        frozenset({"Capture/Smith 1.CR3", "Capture/Smith 1.tif"}),
    }


def test_capture_times_and_serials_part_namesakes() -> None:
    raw = member("Capture/DSC_0001.NEF", NOON, "123")
    assert one_capture(raw, member("Capture/DSC_0001.JPG", NOON.replace(microsecond=500_000)))
    assert not one_capture(raw, member("Capture/DSC_0001.JPG", NOON + timedelta(seconds=1)))
    assert not one_capture(raw, member("Capture/DSC_0001.JPG", NOON, "124"))
    assert one_capture(raw, member("Capture/DSC_0001.JPG"))


def test_two_raws_of_one_kind_are_two_exposures() -> None:
    was_here = member("Capture/DSC_0001.NEF", moved_to="Capture/Smith.NEF")
    now_here = member("Capture/DSC_0001.NEF")
    assert captures(was_here, now_here, member("Capture/DSC_0001.JPG")) == {
        frozenset({"Capture/Smith.NEF"}),
        frozenset({"Capture/DSC_0001.NEF", "Capture/DSC_0001.JPG"}),
    }


def test_a_moved_raw_keeps_its_members_and_gets_new_ones_beside_it() -> None:
    raw = member("Capture/IMG_0001.CR3", moved_to="Selects/IMG_0001.CR3")
    assert one_capture(raw, member("Capture/IMG_0001.JPG"), member("Selects/IMG_0001.xmp"))


def test_a_sidecar_of_one_file_goes_with_that_file() -> None:
    one, two = member("Capture/a.CR2", NOON), member("Capture/a.CR3", NOON + timedelta(hours=1))
    assert captures(one, two, member("Capture/a.CR3.xmp")) == {
        frozenset({"Capture/a.CR2"}),
        frozenset({"Capture/a.CR3", "Capture/a.CR3.xmp"}),
    }


folders = st.sampled_from(["Capture", "Capture/A", "Capture/A/Output", "Capture/B", "Output", "Selects"])
file_names = st.sampled_from(
    [f"{stem}.{ending}" for stem in ("a", "a 1", "b") for ending in ("CR3", "DNG", "tif", "JPG", "xmp")]
    + ["a.CR3.xmp", "b-Edit.tif", "a 2.tif"]
)
times = st.sampled_from([None, NOON, NOON + timedelta(minutes=1)])
serials = st.sampled_from([None, None, "1", "2"])
sets_of_members = st.lists(
    st.builds(lambda f, n, t, s: member(f"{f}/{n}", t, s), folders, file_names, times, serials),
    max_size=12,
    unique_by=lambda m: m.addresses,
)


@given(sets_of_members, st.randoms(use_true_random=False))
def test_captures_do_not_depend_on_the_order(members: list[Member], shuffler: random.Random) -> None:
    shuffled = list(members)
    shuffler.shuffle(shuffled)
    assert captures(*shuffled) == captures(*members)


@given(sets_of_members)
def test_every_member_is_in_one_capture_and_no_capture_contradicts_itself(members: list[Member]) -> None:
    groups = group_members(members)
    assert sorted(m.addresses for group in groups for m in group) == sorted(m.addresses for m in members)
    for group in groups:
        assert len({m.hints.captured_at for m in group} - {None}) <= 1
        assert len({m.hints.serial for m in group} - {None}) <= 1
        assert primary(group) == group[0]

"""What of a stray hair may be taken, so that no piece of it is left hanging."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.pixels.flyaways import trimmed


@given(st.lists(st.booleans(), min_size=1, max_size=9), st.tuples(st.booleans(), st.booleans()))
def test_what_is_taken_reaches_from_the_free_end(healed: list[bool], rooted: tuple[bool, bool]) -> None:
    taken = trimmed(healed, rooted)
    assert len(taken) == len(healed)
    assert all(can for can, is_taken in zip(healed, taken, strict=True) if is_taken)
    if all(taken) or not any(taken):
        return
    assert rooted[0] != rooted[1]
    from_tip = taken[::-1] if rooted[0] else taken
    assert from_tip == sorted(from_tip, reverse=True)  # taken, then left, with no gap


def test_a_gap_ends_it() -> None:
    assert trimmed([False, True, False, True, True], (True, False)) == [False, False, False, True, True]
    assert trimmed([True, True, False], (False, True)) == [True, True, False]
    assert trimmed([True, False, True], (False, False)) == [False, False, False]

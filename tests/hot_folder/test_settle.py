from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hot_folder import FileKey, Hint
from hot_folder.containers import Verdict, Wholeness
from hot_folder.leases import Writer
from hot_folder.settle import Broken, NotYet, Settled, SettleRule, Sighting, observe, settle

RULE = SettleRule(quiet_period_s=2.0)
WHOLE = Verdict(Wholeness.WHOLE)
NO_AGE_S = 0.0

verdicts = st.sampled_from([Verdict(wholeness, "because") for wholeness in Wholeness])
writers = st.sampled_from(Writer)
hints = st.sampled_from(Hint)
pauses_s = st.floats(0.0, 10.0, allow_nan=False)


def key(size: int) -> FileKey:
    return FileKey(device=1, inode=2, size=size, mtime_ns=size)


def period_s(verdict: Verdict) -> float:
    is_reserved = verdict.wholeness is Wholeness.RESERVED
    return RULE.quiet_period_s * RULE.reserved_periods if is_reserved else RULE.quiet_period_s


def watched(sizes_and_pauses: list[tuple[int, float]]) -> Sighting:
    now_s, sighting = 0.0, None
    for size, pause_s in sizes_and_pauses:
        sighting = observe(sighting, key(size), now_s)
        now_s += pause_s
    assert sighting is not None
    return sighting


@given(
    st.lists(st.tuples(st.integers(1, 5), st.floats(0.0, 1.9)), min_size=2, max_size=20),
    verdicts,
    writers,
    st.floats(-1e6, 1e9, allow_nan=False),
)
def test_never_settles_while_the_size_changes(
    looks: list[tuple[int, float]], verdict: Verdict, writer: Writer, age_s: float
) -> None:
    growing = [(index + 1, pause_s) for index, (_, pause_s) in enumerate(looks)]
    outcome = settle(watched(growing), verdict, writer, age_s=age_s, rule=RULE)
    assert isinstance(outcome, NotYet)


@given(verdicts, writers, hints, pauses_s, pauses_s, st.floats(-100.0, 100.0))
def test_what_settled_stays_settled_as_time_passes(
    verdict: Verdict, writer: Writer, hint: Hint, still_s: float, later_s: float, age_s: float
) -> None:
    first = observe(None, key(1), 0.0, hint)
    before = observe(first, key(1), still_s)
    after = observe(before, key(1), still_s + later_s)
    outcome = settle(before, verdict, writer, age_s=age_s, rule=RULE)
    outcome_later = settle(after, verdict, writer, age_s=age_s + later_s, rule=RULE)
    if not isinstance(outcome, NotYet):
        assert outcome_later == outcome


@given(verdicts, writers, hints, pauses_s, st.floats(-100.0, 100.0))
def test_looking_again_when_told_decides(
    verdict: Verdict, writer: Writer, hint: Hint, still_s: float, age_s: float
) -> None:
    sighting = observe(observe(None, key(1), 0.0, hint), key(1), still_s)
    outcome = settle(sighting, verdict, writer, age_s=age_s, rule=RULE)
    if isinstance(outcome, NotYet) and writer is not Writer.WRITING:
        waited_s = outcome.look_again_s - still_s
        assert 0 < waited_s <= period_s(verdict)
        then = observe(sighting, key(1), outcome.look_again_s + 1e-6)
        assert not isinstance(settle(then, verdict, writer, age_s=age_s + waited_s + 1e-6, rule=RULE), NotYet)


@given(verdicts, hints, st.floats(-100.0, 1e6))
def test_nothing_settles_under_a_writer(verdict: Verdict, hint: Hint, age_s: float) -> None:
    sighting = observe(observe(None, key(1), 0.0, hint), key(1), 1e6)
    assert isinstance(settle(sighting, verdict, Writer.WRITING, age_s=age_s, rule=RULE), NotYet)


def test_a_closed_whole_file_without_writer_settles_at_once() -> None:
    for hint in (Hint.CLOSED, Hint.RENAMED_IN):
        sighting = observe(None, key(1), 0.0, hint)
        assert settle(sighting, WHOLE, Writer.NONE, age_s=NO_AGE_S, rule=RULE) == Settled()
        assert isinstance(settle(sighting, WHOLE, Writer.UNKNOWN, age_s=NO_AGE_S, rule=RULE), NotYet)


def test_a_hint_is_spent_when_the_file_changes_after_it() -> None:
    closed = observe(None, key(1), 0.0, Hint.CLOSED)
    grown = observe(closed, key(2), 0.1)
    assert isinstance(settle(grown, WHOLE, Writer.NONE, age_s=NO_AGE_S, rule=RULE), NotYet)


def test_an_old_file_settles_in_the_first_look() -> None:
    sighting = observe(None, key(1), 0.0)
    for writer in (Writer.NONE, Writer.UNKNOWN):
        assert settle(sighting, WHOLE, writer, age_s=60.0, rule=RULE) == Settled()
    unknown = Verdict(Wholeness.UNKNOWN, "no length")
    assert settle(sighting, unknown, Writer.NONE, age_s=60.0, rule=RULE) == Settled()
    assert isinstance(settle(sighting, unknown, Writer.UNKNOWN, age_s=60.0, rule=RULE), NotYet)


def test_a_time_in_the_future_only_means_waiting() -> None:
    sighting = observe(None, key(1), 0.0)
    outcome = settle(sighting, WHOLE, Writer.NONE, age_s=-3600.0, rule=RULE)
    assert outcome == NotYet(2.0, "it was written a moment ago")


def test_a_file_that_ends_in_zeros_is_waited_for_longer() -> None:
    reserved = Verdict(Wholeness.RESERVED, "its end is all zeros")
    closed = observe(None, key(1), 0.0, Hint.CLOSED)
    for still_s in (0.0, RULE.quiet_period_s, period_s(reserved) - 0.1):
        outcome = settle(observe(closed, key(1), still_s), reserved, Writer.NONE, age_s=still_s, rule=RULE)
        assert outcome == NotYet(period_s(reserved), "its end is all zeros")
    still = observe(closed, key(1), period_s(reserved))
    assert settle(still, reserved, Writer.NONE, age_s=NO_AGE_S, rule=RULE) == Settled()
    assert settle(closed, reserved, Writer.NONE, age_s=1e6, rule=RULE) == Settled()
    assert isinstance(settle(closed, reserved, Writer.UNKNOWN, age_s=1e6, rule=RULE), NotYet)


def test_what_is_bad_is_broken_only_after_the_quiet_period() -> None:
    for wholeness in (Wholeness.EMPTY, Wholeness.SHORT, Wholeness.NOT_AS_NAMED):
        verdict = Verdict(wholeness, "it is bad")
        first = observe(None, key(1), 0.0)
        assert isinstance(settle(first, verdict, Writer.NONE, age_s=NO_AGE_S, rule=RULE), NotYet)
        still = observe(first, key(1), 2.0)
        outcome = settle(still, verdict, Writer.NONE, age_s=NO_AGE_S, rule=RULE)
        assert isinstance(outcome, Broken)
        assert outcome.reason.startswith("it is bad: ")

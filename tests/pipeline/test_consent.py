"""What may be proposed: which word counts, and that nothing goes beyond it, wherever somebody tries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from studio_pipeline.errors import Refused
from studio_pipeline.pipeline import consent, delivery
from studio_pipeline.pipeline.words import Interpreter
from studio_pipeline.records.capture import State
from studio_pipeline.records.consent import DEFAULT, Allowed, Consent, Held, Level, held
from studio_pipeline.records.plan import Tier
from studio_pipeline.session.catalog import Catalog
from tests.support import shoots
from tests.support.canvases import plan

NOTHING, RETOUCH = Allowed(level=Level.NOTHING), Allowed(level=Level.BOUNDED_RETOUCH)
NO_GENERATIVE = Allowed(no_generative=True)


def said(subject: str, allowed: Allowed) -> Consent:
    return consent.consented(subject, allowed, "anna", "here", "test", shoots.NOW)


def counts(people: tuple[str, ...], **words: Allowed) -> Allowed:
    latest = {
        name.replace("session", ""): said(name.replace("session", ""), one) for name, one in words.items()
    }
    return held(people, latest).allowed


def test_the_default_is_backdrop_only() -> None:
    assert held((), {}).allowed == DEFAULT == Allowed(level=Level.BACKDROP_ONLY)
    assert held(("Ada",), {}).key == ""


def test_the_strictest_word_counts() -> None:
    assert counts(("Ada",), Ada=RETOUCH) == RETOUCH
    assert counts(("Ada",), Ada=RETOUCH, session=DEFAULT) == DEFAULT
    assert counts(("Ada",), session=RETOUCH) == RETOUCH
    assert counts(("Ada", "Ben"), Ada=RETOUCH, Ben=NOTHING) == NOTHING
    assert counts(("Ada", "Ben"), Ada=RETOUCH) == DEFAULT  # nobody asked Ben
    assert counts(("Ben",), Ada=NOTHING) == DEFAULT
    both = counts(("Ada", "Ben"), Ada=RETOUCH, Ben=Allowed(level=Level.BOUNDED_RETOUCH, no_generative=True))
    assert both == Allowed(level=Level.BOUNDED_RETOUCH, no_generative=True)


def test_words_of_a_person() -> None:
    assert consent.parse(["Bounded-Retouch"], DEFAULT) == RETOUCH
    assert consent.parse(["no generative pixels"], RETOUCH).level is Level.BOUNDED_RETOUCH
    assert consent.parse(["bounded-retouch"], NO_GENERATIVE) == Allowed(
        level=Level.BOUNDED_RETOUCH, no_generative=True
    )
    assert consent.parse(["generative-pixels"], NO_GENERATIVE) == DEFAULT
    with pytest.raises(Refused, match="give one of them"):
        consent.parse(["generative pixels", "no generative pixels"], DEFAULT)
    with pytest.raises(Refused, match="no such consent"):
        consent.parse(["everything"], DEFAULT)
    with pytest.raises(Refused, match="give one of them"):
        consent.parse(["nothing", "backdrop only"], DEFAULT)


@pytest.mark.parametrize(
    ("allowed", "tier", "engine", "is_kept"),
    [
        (NOTHING, Tier.BACKDROP_ONLY, "classical", False),
        (DEFAULT, Tier.BACKDROP_ONLY, "classical", True),
        (DEFAULT, Tier.EDGE, "classical", True),
        (DEFAULT, Tier.BOUNDED_RETOUCH, "classical", False),
        (RETOUCH, Tier.BOUNDED_RETOUCH, "classical", True),
        (DEFAULT, Tier.BACKDROP_ONLY, "some-diffusion", True),
        (NO_GENERATIVE, Tier.BACKDROP_ONLY, "some-diffusion", False),
        (NO_GENERATIVE, Tier.BACKDROP_ONLY, "classical", True),
    ],
)
def test_what_goes_beyond_is_kept_back_and_says_why(
    allowed: Allowed, tier: Tier, engine: str, is_kept: bool
) -> None:
    one = plan("heal_spots", tier=tier, engine=engine)
    preset = shoots.cleanup_preset()
    (kept,) = consent.kept_back([one], preset.edits, Held(allowed=allowed, said=said("Ada", allowed)))
    assert kept.changes is is_kept
    if not is_kept:
        reason = kept.refusals[0].reason  # which stays in records: without the person's name
        assert "consent of a person in it is" in reason and "anna" in reason and "Ada" not in reason


class TestASession:
    """One portrait, really proposed, approved and delivered."""

    def test_nothing_and_again_something(self, tmp_path: Path) -> None:
        session = shoots.new_session(tmp_path / "s", shoots.cleanup_preset())
        shoots.put(session, shoots.portrait())
        with shoots.at_work(session) as studio:
            decide = shoots.decisions(session, studio.catalog)
            decide.say_consent("", NOTHING, "anna", shoots.NOW)
            studio.run()
            (entry,) = studio.catalog.entries()
            assert entry.proposal is not None and entry.proposal.active == ()
            (refusal,) = entry.proposal.plans[0].refusals
            assert "consent is nothing (anna, 2026-05-04 12:00)" in refusal.reason

            decide.say_consent("", DEFAULT, "anna", shoots.NOW)
            studio.run()
            (entry,) = studio.catalog.entries()
            assert entry.proposal is not None and len(entry.proposal.active) == 1
            proposal = studio.catalog.proposal(entry.proposal_hash or "")

            decide.name_people(entry.id, ["Ada  Lovelace"])
            decide.say_consent("Ada Lovelace", NOTHING, "anna", shoots.NOW)
            with pytest.raises(Refused, match="backdrop only, and consent of a person in it is nothing"):
                decide.approve(entry.id, None, proposal, "tester", shoots.NOW)

            decide.say_consent("Ada Lovelace", RETOUCH, "anna", shoots.NOW)
            studio.run()
            decide.approve(entry.id, None, None, "tester", shoots.NOW)
            order = studio.conductor.order(studio.catalog.entries()[0])
            change = decide.say_consent("Ada Lovelace", NOTHING, "anna", shoots.NOW)
            assert [one.name for one in change.voided] == [entry.name]
            beyond = replace(order, consent=consent.of(studio.catalog, studio.catalog.entries()[0]))
            with pytest.raises(Refused, match="consent of a person in it is nothing"):
                delivery.fulfil(beyond)
            studio.run()
            (after,) = studio.catalog.entries()
            assert after.state is State.PROPOSED and after.approved_hash is None
            assert after.proposal is not None and after.proposal.active == ()
            assert list(session.output.rglob("*.tif")) == []


def test_the_log_is_chained_and_blanked(tmp_path: Path) -> None:
    import sqlite3

    catalog = Catalog(tmp_path / "c.sqlite")
    for allowed in (NOTHING, RETOUCH):
        consent.say(catalog, said("Ada", allowed))
    consent.say(catalog, said("Ben", RETOUCH))
    assert catalog.blank([], "Ada") == 2
    checked = catalog.check_log()
    assert (checked.entries, checked.blanked, checked.broken) == (3, 2, ())
    assert [one.subject for one in catalog.consents()] == ["Ben"]
    assert catalog.blank([], "Ada") == 0
    catalog.compact()
    catalog.close()
    assert all(b"Ada" not in path.read_bytes() for path in tmp_path.iterdir())
    with sqlite3.connect(tmp_path / "c.sqlite") as connection:
        connection.execute("UPDATE log SET doc = replace(doc, 'anna', 'otto') WHERE seq = 3")
        connection.execute("DELETE FROM log WHERE seq = 1")
    connection.close()
    catalog = Catalog(tmp_path / "c.sqlite")
    assert len(catalog.check_log().broken) == 2
    catalog.close()


def test_merging_brings_consent_and_the_stricter_wins(tmp_path: Path) -> None:
    ours, theirs = Catalog(tmp_path / "ours.sqlite"), Catalog(tmp_path / "theirs.sqlite")
    for catalog, their_words in (
        (ours, {"Ada": RETOUCH, "Ben": NOTHING}),
        (theirs, {"Ada": NOTHING, "Ben": RETOUCH, "Cy": RETOUCH, "": NOTHING}),
    ):
        for subject, allowed in their_words.items():
            consent.say(catalog, said(subject, allowed))
    words = Interpreter(theirs, ours, "id", "laptop").bring()
    assert words.consents == 3
    latest = ours.consent_by_subject()
    assert [latest[name].allowed.level.value for name in ("Ada", "Ben", "Cy", "")] == [
        "nothing", "nothing", "bounded retouch", "nothing",
    ]  # fmt: skip
    assert latest["Ada"].via == "test, merged from laptop" and latest["Ada"].user == "anna"
    assert Interpreter(theirs, ours, "id", "laptop").bring().consents == 0
    ours.close()
    theirs.close()

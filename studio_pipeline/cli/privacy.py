"""What may be proposed of whom, and how a person is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from studio_pipeline import terminal
from studio_pipeline.cli.common import AsJson, Folder, open_catalog, open_session, user

if TYPE_CHECKING:
    from studio_pipeline.pipeline.consent import Change
    from studio_pipeline.session.catalog import Catalog

Subject = Annotated[
    str, typer.Option("--subject", metavar="NAME", help="Of one person; without it, of the whole session.")
]


def consent(
    folder: Folder,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WHAT...",
            help="nothing, backdrop-only or bounded-retouch; with any of them no-generative-pixels, or "
            "generative-pixels, which alone lifts that.",
        ),
    ] = None,
    subject: Subject = "",
    log: Annotated[
        bool, typer.Option("--log", help="Everything that was said, and whether it is whole.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what may be proposed, or, without WHAT, show it. Recorded with user, host and time."""
    import socket

    from studio_pipeline.pipeline import consent as consents
    from studio_pipeline.pipeline.decide import Decisions
    from studio_pipeline.pipeline.studio import utc_now
    from studio_pipeline.records.consent import DEFAULT

    with open_catalog(open_session(folder)) as (session, catalog):
        if words:
            before = catalog.consent_by_subject().get(subject)
            allowed = consents.parse(words, before.allowed if before else DEFAULT)
            decisions = Decisions(session, catalog, socket.gethostname(), "command")
            _tell(decisions.say_consent(subject, allowed, user(), utc_now()), subject, allowed.said)
        else:
            _show(catalog, log, as_json)


def _tell(change: Change, subject: str, said: str) -> None:
    terminal.show(f"{subject or 'the session'}: {said}")
    for entry in change.voided:
        terminal.show(f"{entry.name} was approved beyond that: it is planned anew, and to be approved again")
    for entry in change.delivered:
        terminal.show(f"{entry.name} was delivered beyond that before; `studio revoke` takes it back")


def _show(catalog: Catalog, log: bool, as_json: bool) -> None:
    from studio_pipeline.records.consent import DEFAULT

    checked = catalog.check_log()
    latest = catalog.consent_by_subject()
    said = catalog.consents() if log else sorted(latest.values(), key=lambda one: one.subject)
    if as_json:
        answer: dict[str, Any] = {"consents": [one.model_dump(mode="json") for one in said]}
        answer["log"] = {
            "entries": checked.entries,
            "blanked": checked.blanked,
            "broken": list(checked.broken),
        }
        terminal.print_json(answer)
        return
    if "" not in latest:
        terminal.show(f"the session: {DEFAULT.said}, as long as nobody says more")
    for one in said:
        who = f"{one.user}, {one.said_at:%Y-%m-%d %H:%M}, {one.via}"
        terminal.show(f"{one.subject or 'the session'}: {one.allowed.said} ({who})")
    if log:
        terminal.show(checked.said)
    if checked.broken:
        raise typer.Exit(1)


def purge(
    folder: Folder,
    subject: Annotated[
        str,
        typer.Argument(
            metavar="SUBJECT",
            help="Whose traces, as named by `studio mark`; or a capture that was purged before, or A..B.",
        ),
    ],
    originals: Annotated[
        bool, typer.Option("--originals", help="Also the originals, and what Capture One keeps of them.")
    ] = False,
    vault: Annotated[bool, typer.Option("--vault", help="Also their copies in the vault.")] = False,
    keep_shared: Annotated[
        bool, typer.Option("--keep-shared", help="Leave captures that show somebody else as well.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove every trace of a person, and say what is left where. Nobody may be at work on the session."""
    import socket

    from studio_pipeline.errors import Refused
    from studio_pipeline.pipeline import purge as purging
    from studio_pipeline.pipeline.intent import intend
    from studio_pipeline.pipeline.studio import utc_now

    with open_catalog(open_session(folder)) as (session, catalog), session.locked():
        intent = intend(
            session, catalog, subject, originals=originals, vault=vault, keep_shared=keep_shared,
            user=user(), host=socket.gethostname(), now=utc_now(),
        )  # fmt: skip
        for line in _intended(intent):
            terminal.say(line)
        if not yes:
            if not terminal.is_asked_by_a_person():
                raise Refused("nothing was removed; give --yes to do it")
            if terminal.ask(f"type {subject} to remove all that for good") != subject:
                raise Refused("nothing was removed")
        report = purging.purge(session, catalog, intent)
    if as_json:
        terminal.print_json(report.as_json())
        return
    for what, count in report.removed.items():
        terminal.show(f"{count} {what}")
    for where, what_is_left in report.left.items():
        for one in what_is_left:
            terminal.show(f"left, {where}: {one}")
    terminal.show(report.log)


def _intended(intent: Any) -> list[str]:
    also = ["originals"] * intent.originals + ["copies in the vault"] * intent.vault
    what = "cache, proposals, decisions, deliverables" + "".join(f", {one}" for one in also)
    shared = [
        f"{one.name} shows {', '.join(one.shared_with)} too" for one in intent.captures if one.shared_with
    ]
    return [f"{len(intent.captures)} captures of {intent.subject}: {what}", *shared]


def due(folder: Folder, as_json: AsJson = False) -> None:
    """Whose purge is due, by `retention_days` of the preset. Nothing is removed."""
    from studio_pipeline.pipeline import retention
    from studio_pipeline.pipeline.studio import utc_now

    with open_catalog(open_session(folder)) as (session, catalog):
        found = retention.due(session, catalog.entries(), utc_now())
        days = session.preset.retention_days
    if as_json:
        rows = [
            {"subject": one.subject, "captures": one.captures, "last_frame_at": one.last_frame_at.isoformat(),
             "due_at": one.due_at.isoformat(), "purged": list(one.purged)} for one in found
        ]  # fmt: skip
        terminal.print_json({"retention_days": days, "due": rows})
        return
    for one in found:
        whose = one.subject or "nobody who was named"
        if one.purged:
            whose = f"purged, and their originals left ({', '.join(one.purged)})"
        terminal.show(f"{whose}: {one.captures} captures, due since {one.due_at:%Y-%m-%d}")
    if not found:
        terminal.show(
            "nothing is due" if days else "the preset sets no `retention_days`: nothing is ever due"
        )

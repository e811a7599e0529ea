"""A session's life: made, shot, worked off, looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from studio_pipeline import terminal
from studio_pipeline.cli.common import (
    DEFAULT_PRESET,
    AsJson,
    Captures,
    Folder,
    Port,
    PresetName,
    counted,
    open_catalog,
    open_session,
    user,
)

Watch = Annotated[
    str,
    typer.Option(
        "--watch", metavar="HOW", help="auto (as the mount asks for), events, or scans (network folders)."
    ),
]
QuietPeriod = Annotated[
    float | None,
    typer.Option("--quiet", metavar="SECONDS", min=0.1, help="How long a file must be still to be whole."),
]


def init(
    folder: Folder,
    preset: PresetName = DEFAULT_PRESET,
    vault: Annotated[
        Path | None, typer.Option("--vault", metavar="DIR", help="A folder on a second drive.")
    ] = None,
    no_vault: Annotated[
        bool, typer.Option("--no-vault", help="One copy of each original is enough.")
    ] = False,
) -> None:
    """Make a session folder, or adopt one that another program made. Asks for the vault if none is named."""
    from studio_pipeline.cli.keeping import ask_for_vault, say_what_is_at_risk
    from studio_pipeline.edits.stack import check
    from studio_pipeline.errors import Refused
    from studio_pipeline.pipeline.studio import utc_now
    from studio_pipeline.records.preset import load
    from studio_pipeline.session.folder import create, is_session

    chosen = load(preset)
    check(chosen.edits)
    if vault is not None and no_vault:
        raise Refused("give --vault or --no-vault, not both")
    if vault is None and not no_vault and not is_session(folder) and terminal.is_asked_by_a_person():
        vault = ask_for_vault()
        no_vault = vault is None
    session = create(folder, chosen, Path(preset).stem, vault, utc_now(), no_vault=no_vault)
    terminal.show(f"session {session.root}, preset {session.preset_name}; tether into {session.capture}")
    say_what_is_at_risk(session)


def shoot(
    folder: Folder,
    port: Port = 0,
    watch: Watch = "auto",
    quiet_s: QuietPeriod = None,
) -> None:
    """Watch the hot folder, work, serve the review page, deliver what is approved. The main job."""
    from studio_pipeline.pipeline.studio import watched
    from studio_pipeline.review.shoot import shoot as run

    run(open_session(folder), port, user(), terminal.announce, watched(watch, quiet_s))


def run(folder: Folder, watch: Watch = "auto", quiet_s: QuietPeriod = None) -> None:
    """Process what is there, then exit: no watching, no page."""
    from studio_pipeline.pipeline.studio import at_work, watched

    settings = watched(watch, quiet_s)
    with at_work(open_session(folder), settings=settings) as studio, terminal.progress("working") as tell:
        studio.run(lambda: tell(counted(studio.catalog)))
        done, problems = counted(studio.catalog), studio.problems()
    for problem in problems:
        terminal.say(problem)
    terminal.show(done or "nothing to do")


def status(folder: Folder, as_json: AsJson = False) -> None:
    """What is in the session, and in which state."""
    from studio_pipeline.pipeline import health, report, retention, safekeeping
    from studio_pipeline.pipeline.studio import utc_now

    now = utc_now()
    with open_catalog(open_session(folder)) as (session, catalog):
        vault = safekeeping.examined(session)
        told = health.of_session(session, now.timestamp(), vault.lines)
        entries = catalog.entries()
        answer, due = report.status(session, entries, now, told), retention.due(session, entries, now)
    if as_json:
        terminal.print_json(answer | {"vault": vault.as_json()})
        return
    rows = [[c["name"], c["state"], c["id"][:12], c["reason"]] for c in answer["captures"]]
    terminal.print_table(["capture", "state", "id", "reason"], rows)
    if answer["last_frame_age_s"] is not None:
        terminal.show(f"last frame {answer['last_frame_age_s']:.0f} s ago")
    for line in (*health.spoken(told["tether"]), *told["notices"], *told["alarms"]):
        terminal.show(line)
    if due:
        terminal.show(
            "by its `retention_days` some of this session is due to be purged: `studio due` lists it"
        )


def retry(folder: Folder, captures: Captures = None) -> None:
    """Take up again what was set aside or given up: all of it, or the captures that are named."""
    from studio_pipeline.pipeline.again import take_up
    from studio_pipeline.pipeline.decide import find
    from studio_pipeline.records.capture import State

    with open_catalog(open_session(folder)) as (session, catalog):
        everything = [e for e in catalog.entries() if e.state is not State.PURGED]  # those only by name
        named = [find(catalog, one) for one in captures] if captures else everything
        for entry in (taken := take_up(session, catalog, named)):
            terminal.show(f"{entry.name} is taken up again")
        terminal.show("`studio run` looks at it again" if taken else "nothing was set aside or given up")

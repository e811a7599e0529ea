"""`studio`: every command thin over a function of the layer below. Heavy imports happen inside them.

One file, though long: it is the list of all that the program can be asked, and nothing else.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import TyperException

from studio_pipeline import __version__, terminal
from studio_pipeline.errors import StudioError

if TYPE_CHECKING:
    from studio_pipeline.pipeline.decide import Decisions
    from studio_pipeline.session.catalog import Catalog
    from studio_pipeline.session.folder import Session

log = logging.getLogger(__name__)
app = typer.Typer(
    name="studio",
    help="Tether, propose, review, deliver: backdrop extended and cleaned, the person never touched.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
presets_app = typer.Typer(no_args_is_help=True, help="Presets: what to propose and what to deliver.")
models_app = typer.Typer(no_args_is_help=True, help="Engines and the weights they use.")
app.add_typer(presets_app, name="presets")
app.add_typer(models_app, name="models")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The session folder.")]
Captures = Annotated[
    list[str] | None,
    typer.Argument(metavar="CAPTURE...", help="Names of captures or files, or ids (6 digits are enough)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PresetName = Annotated[str, typer.Option("--preset", help="A preset's name, or a TOML file.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The page's port; 0 = any free one.")]
Picture = Annotated[Path, typer.Argument(metavar="IN", help="DNG or another RAW, TIFF, PNG, JPEG.")]
DEFAULT_PRESET = "headshot-4x5"
_INTERRUPTED = 130  # what a shell calls a program that Ctrl-C ended


def main() -> None:
    """The console script."""
    sys.exit(call())


def call(arguments: list[str] | None = None) -> int:
    """Run one command, by default what this process was started with; returns the exit code.

    Whatever goes wrong is one clear line on stderr; the traceback of a bug comes with ``--verbose``.
    """
    terminal.never_fail_on_names()
    try:
        code = app(arguments, prog_name="studio", standalone_mode=False) or 0
    except StudioError as error:
        return _failed(str(error))
    except TyperException as error:
        if not str(error):  # a group without a command has printed its help
            return error.exit_code
        context = getattr(error, "ctx", None)
        hint = f"; `{context.command_path} --help` says what there is" if context else ""
        return _failed(error.format_message().rstrip(".") + hint, error.exit_code)
    except Exception as error:
        log.info("where it happened:", exc_info=True)
        if isinstance(error, OSError) and error.strerror:
            named = f": {os.fsdecode(error.filename)}" if error.filename else ""
            return _failed(f"{error.strerror}{named}")
        return _failed(f"unexpected {type(error).__name__}: {error}; `studio --verbose ...` shows where")
    if code == _INTERRUPTED:
        terminal.say("studio: stopped; start again to go on where it was")
    return int(code)


def _failed(text: str, code: int = 1) -> int:
    terminal.say(f"studio: {text}")
    return code


def _version(asked: bool) -> None:
    if asked:
        terminal.show(f"studio-pipeline {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens.")] = False,
) -> None:
    terminal.start_logging(verbose)


@app.command()
def init(
    folder: Folder,
    preset: PresetName = DEFAULT_PRESET,
    vault: Annotated[
        Path | None, typer.Option("--vault", metavar="DIR", help="A folder on a second drive.")
    ] = None,
) -> None:
    """Make a session folder, or adopt one that another program made."""
    from studio_pipeline.edits.stack import check
    from studio_pipeline.pipeline.studio import utc_now
    from studio_pipeline.records.preset import load
    from studio_pipeline.session.folder import create

    chosen = load(preset)
    check(chosen.edits)
    session = create(folder, chosen, Path(preset).stem, vault, utc_now())
    terminal.show(f"session {session.root}, preset {session.preset_name}; tether into {session.capture}")
    if vault is None:
        terminal.say("no vault: until you copy them, every original exists only once")
    elif session.vault_shares_drive:
        terminal.say("the vault lies on the session's own drive: the loss of that drive takes both")


@app.command()
def shoot(
    folder: Folder,
    port: Port = 0,
) -> None:
    """Watch the hot folder, work, serve the review page, deliver what is approved. The main job."""
    from studio_pipeline.review.shoot import shoot as run

    run(_open(folder), port, _user(), terminal.announce)


@app.command()
def run(folder: Folder) -> None:
    """Process what is there, then exit: no watching, no page."""
    from studio_pipeline.pipeline.studio import at_work

    with at_work(_open(folder)) as studio, terminal.progress("working") as tell:
        studio.run(lambda: tell(_counted(studio.catalog)))
        counted, problems = _counted(studio.catalog), studio.problems()
    for problem in problems:
        terminal.say(problem)
    terminal.show(counted or "nothing to do")


@app.command()
def status(folder: Folder, as_json: AsJson = False) -> None:
    """What is in the session, and in which state."""
    from studio_pipeline.pipeline import report, safekeeping
    from studio_pipeline.pipeline.studio import utc_now

    with _catalog(_open(folder)) as (session, catalog):
        answer = report.status(session, catalog.entries(), utc_now())
    if as_json:
        terminal.print_json(answer)
        return
    rows = [[c["name"], c["state"], c["id"][:12], c["reason"]] for c in answer["captures"]]
    terminal.print_table(["capture", "state", "id", "reason"], rows)
    if answer["last_frame_age_s"] is not None:
        terminal.show(f"last frame {answer['last_frame_age_s']:.0f} s ago")
    at_risk = safekeeping.at_risk(session)
    if at_risk is not None:
        terminal.show(at_risk)


@app.command()
def approve(
    folder: Folder,
    captures: Captures = None,
    everything: Annotated[bool, typer.Option("--all", help="Every capture that is proposed.")] = False,
) -> None:
    """Approve proposals as they stand. Recorded with user, host and time; never approves skin spots."""
    from studio_pipeline.errors import Refused
    from studio_pipeline.pipeline.studio import utc_now
    from studio_pipeline.records.capture import State

    if everything == bool(captures):
        raise Refused("name captures, or give --all")
    with _decisions(folder) as (catalog, decisions):
        if everything:
            chosen = [e for e in catalog.entries() if e.state is State.PROPOSED]
        else:
            chosen = _find(catalog, captures)
        for entry in chosen:
            decisions.approve(entry.id, None, None, _user(), utc_now())
            terminal.show(f"{entry.name} approved")
        if not chosen:
            terminal.show("nothing is proposed")


@app.command()
def reject(folder: Folder, captures: Captures = None) -> None:
    """Reject proposals; the captures themselves are not touched."""
    from studio_pipeline.pipeline.studio import utc_now

    with _decisions(folder) as (catalog, decisions):
        for entry in _find(catalog, captures):
            decisions.reject(entry.id, _user(), utc_now())
            terminal.show(f"{entry.name} rejected")


@app.command()
def revoke(folder: Folder, captures: Captures = None) -> None:
    """Take back an approval or a rejection; untouched deliverables go with it."""
    from studio_pipeline.pipeline.studio import utc_now

    with _decisions(folder) as (catalog, decisions):
        for entry in _find(catalog, captures):
            decisions.revoke(entry.id, _user(), utc_now())
            terminal.show(f"{entry.name} is {entry.state.value} no more")


@app.command()
def deliver(
    folder: Folder,
    recipe: Annotated[
        str | None, typer.Option("--recipe", metavar="NAME", help="Only this output recipe.")
    ] = None,
) -> None:
    """Render what is approved into Output/; a second run changes nothing."""
    from studio_pipeline.errors import Refused
    from studio_pipeline.pipeline.schedule import Stage
    from studio_pipeline.pipeline.studio import at_work
    from studio_pipeline.records.capture import State

    session = _open(folder)
    names = [r.name for r in session.preset.deliverables]
    if recipe is not None and recipe not in names:
        raise Refused(f"no output recipe {recipe!r} in this session; there are: {', '.join(names)}")
    with _catalog(session) as (_, catalog):
        before = catalog.entries()
    approved = {e.id for e in before if e.state is State.APPROVED}
    if not approved:
        terminal.show("nothing new to deliver")
        return
    only = frozenset({Stage.DELIVER})
    with at_work(session, only=only, recipe=recipe) as studio, terminal.progress("delivering") as tell:
        studio.deliver(lambda: tell(_counted(studio.catalog)))
        after = studio.catalog.entries()
    known = {d.record for e in before for d in e.delivered}
    made = [d for e in after for d in e.delivered if d.record not in known]
    for one in made:
        terminal.show(one.shown)
    terminal.show(f"{len(made)} delivered" if made else "nothing new to deliver")
    done = {State.DELIVERED} if recipe is None else {State.DELIVERED, State.APPROVED}
    left = [e for e in after if e.id in approved and e.state not in done]
    for entry in left:
        why = entry.reason or "its base has to be made again: `studio run` does that"
        terminal.say(f"{entry.name} was not delivered: {why}")
    if left:
        raise typer.Exit(1)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A deliverable.")],
    session: Annotated[
        Path | None, typer.Option("--session", metavar="DIR", help="Where it was made.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove what was and was not changed. Exits 0 only when everything holds."""
    from dataclasses import asdict

    from studio_pipeline.pipeline import verify as check

    with _catalog(_open(session or check.find_session(file))) as (opened, catalog):
        originals = {m.sha256: m.path for e in catalog.entries() for m in e.members}
        verdict = check.verify(file, opened, originals)
    if as_json:
        terminal.print_json(asdict(verdict))
    else:
        for line in _verdict(file, verdict):
            terminal.show(line)
    if not verdict.valid:
        raise typer.Exit(1)


@app.command()
def edit(
    source: Picture,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Written as its ending says.")],
    preset: PresetName = DEFAULT_PRESET,
    edits: Annotated[
        list[str] | None, typer.Option("--edit", metavar="NAME", help="Only these edits.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME.KEY=VALUE", help="A parameter; KEY=VALUE with one --edit."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Edit one picture, without a session. Edits of skin are refused."""
    from studio_pipeline.pipeline import settings, single
    from studio_pipeline.records.preset import load

    chosen = load(preset)
    specs = settings.specs(chosen, edits or [], values or [])
    with terminal.progress("editing") as tell:
        answer = single.edit(source, out, chosen, specs, asked=bool(edits or values), tell=tell)
    if as_json:
        terminal.print_json(answer)
        return
    for warning in answer["warnings"]:
        terminal.say(warning)
    terminal.show(f"{answer['out']} in {sum(answer['seconds'].values()):.1f} s")


@app.command()
def mask(
    source: Picture,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="A PNG; 255 = inside.")],
    what: Annotated[
        str, typer.Option("--what", help="protect (255 = may not change), face, skin or matte.")
    ] = "protect",
    as_json: AsJson = False,
) -> None:
    """Write one mask of one picture."""
    from studio_pipeline.pipeline import single
    from studio_pipeline.records.preset import load

    with terminal.progress("looking"):
        answer = single.mask(source, out, load(DEFAULT_PRESET), what)
    if as_json:
        terminal.print_json(answer)
        return
    faces = "1 face" if len(answer["faces"]) == 1 else f"{len(answer['faces'])} faces"
    terminal.show(f"{answer['out']}: {faces}; {answer['reason'] or 'sure of it'}")


@presets_app.command("list")
def presets_list(as_json: AsJson = False) -> None:
    """The presets that ship."""
    from studio_pipeline.records.preset import load, names

    rows = [{"name": name, "title": load(name).title} for name in names()]
    if as_json:
        terminal.print_json(rows)
    else:
        terminal.print_table(["preset", ""], [[r["name"], r["title"]] for r in rows])


@presets_app.command("show")
def presets_show(
    name: Annotated[str, typer.Argument(help="A preset's name, or a TOML file.")], as_json: AsJson = False
) -> None:
    """Every key of a preset with its value and meaning."""
    from studio_pipeline.pipeline import settings
    from studio_pipeline.records.preset import load

    preset = load(name)
    if as_json:
        terminal.print_json(preset.model_dump(mode="json"))
    else:
        terminal.print_table(["key", "value", "meaning"], settings.explained(preset))


@presets_app.command("check")
def presets_check(name: Annotated[str, typer.Argument(help="A preset's name, or a TOML file.")]) -> None:
    """Check a preset: every key, every edit's parameters."""
    from studio_pipeline.edits.stack import check
    from studio_pipeline.records.preset import load

    preset = load(name)
    check(preset.edits)
    edits = ", ".join(spec.name for spec in preset.edits) or "no edits"
    terminal.show(f"{name} is good: {edits}; {len(preset.deliverables)} deliverables")


@models_app.command("list")
def models_list(as_json: AsJson = False) -> None:
    """The engines, and whether the weights they want are here."""
    from studio_pipeline.engines import registry

    rows = registry.listed()
    if as_json:
        terminal.print_json(rows)
    elif not rows:
        terminal.show(
            "no generative engine is set up; every edit that ships is classical and needs no weights"
        )
    else:
        header = ["engine", "licence", "state"]
        terminal.print_table(header, [[r["name"], r["licence"], r["state"]] for r in rows])


@models_app.command("check")
def models_check() -> None:
    """Check the weights that are here against their recorded hashes."""
    from studio_pipeline.engines import registry

    terminal.show(registry.check())


@models_app.command("add")
def models_add(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with a pipeline's weights.")],
) -> None:
    """Take in weights from a local folder."""
    from studio_pipeline.engines import registry

    terminal.show(registry.add(folder))


@models_app.command("pull")
def models_pull(name: Annotated[str, typer.Argument(help="An engine's name.")]) -> None:
    """Fetch an engine's weights, only when asked to by this command."""
    from studio_pipeline.engines import registry

    terminal.show(registry.pull(name))


@app.command()
def demo(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where; a new temporary folder if left out.")
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="Approve, deliver, verify, then exit.")
    ] = False,
    port: Port = 0,
) -> None:
    """Render a small shoot, tether it in, propose, review."""
    from studio_pipeline.demo.run import run_demo

    run_demo(folder, headless=headless, port=port, user=_user(), announce=terminal.announce)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """What is installed, what is missing, and how to mend it."""
    from studio_pipeline.pipeline import doctor as check

    findings = check.examine()
    if as_json:
        terminal.print_json([f.as_json() for f in findings])
    else:
        rows = [[f.mark, f.what, f.found, f.mend] for f in findings]
        terminal.print_table(["", "what", "found", "mend"], rows)
    if any(f.broken for f in findings):
        raise typer.Exit(1)


def _open(folder: Path) -> Session:
    from studio_pipeline.session.folder import open_session

    return open_session(folder)


@contextmanager
def _catalog(session: Session) -> Iterator[tuple[Session, Catalog]]:
    from studio_pipeline.session.catalog import Catalog

    catalog = Catalog(session.databases / "catalog.sqlite")
    try:
        yield session, catalog
    finally:
        catalog.close()


@contextmanager
def _decisions(folder: Path) -> Iterator[tuple[Catalog, Decisions]]:
    import socket

    from studio_pipeline.pipeline.decide import Decisions

    with _catalog(_open(folder)) as (session, catalog):
        yield catalog, Decisions(session, catalog, socket.gethostname(), "command")


def _find(catalog: Catalog, wanted: list[str] | None) -> list[Any]:
    from studio_pipeline.errors import Refused
    from studio_pipeline.pipeline.decide import find

    if not wanted:
        raise Refused("name at least one capture; `studio status` lists them")
    return [find(catalog, one) for one in wanted]


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a user database
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def _counted(catalog: Catalog) -> str:
    """How many captures are in which state, as in "3 proposed, 1 quarantined"."""
    return ", ".join(f"{count} {state}" for state, count in sorted(catalog.counts().items()))


def _verdict(file: Path, verdict: Any) -> list[str]:
    if not verdict.valid:
        return [f"{file.name}: NOT PROVED", *(f"  {reason}" for reason in verdict.reasons)]
    edits = ", ".join(verdict.edits) or "nothing"
    return [
        f"{file.name}: proved. {verdict.locked_pixels_changed} of {verdict.locked_pixels} locked pixels "
        f"changed; {verdict.changed_area_fraction:.3%} of the frame was edited ({verdict.tier}: {edits})"
    ]

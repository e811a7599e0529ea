"""`studio`: every command thin over a function of the layer below. Heavy imports happen inside them."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from studio_pipeline import __version__
from studio_pipeline.errors import StudioError

if TYPE_CHECKING:
    from studio_pipeline.pipeline.decide import Decisions
    from studio_pipeline.session.catalog import Catalog
    from studio_pipeline.session.folder import Session

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
    list[str] | None, typer.Argument(metavar="CAPTURE...", help="Names, or first digits of ids.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PresetName = Annotated[str, typer.Option("--preset", help="A preset's name, or a TOML file.")]
DEFAULT_PRESET = "headshot-4x5"


def main() -> None:
    """The console script: one clear line on failure, and a non-zero exit."""
    try:
        app(standalone_mode=True)
    except StudioError as error:
        typer.echo(f"studio: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("studio: stopped; start again to go on where it was", err=True)
        sys.exit(130)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"studio-pipeline {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens.")] = False,
) -> None:
    from rich.console import Console
    from rich.logging import RichHandler

    handler = RichHandler(console=Console(stderr=True), show_path=False, rich_tracebacks=False)
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(message)s", handlers=[handler]
    )


@app.command()
def init(
    folder: Folder,
    preset: PresetName = DEFAULT_PRESET,
    vault: Annotated[
        Path | None, typer.Option("--vault", metavar="DIR", help="A folder on a second drive.")
    ] = None,
) -> None:
    """Make a session folder, or adopt one that another program made."""
    from studio_pipeline.pipeline.studio import utc_now
    from studio_pipeline.records.preset import load
    from studio_pipeline.session.folder import create

    session = create(folder, load(preset), Path(preset).stem, vault, utc_now())
    typer.echo(f"session {session.root}, preset {session.preset_name}; tether into {session.capture}")
    if vault is None:
        typer.echo("no vault: until you copy them, every original exists only once", err=True)


@app.command()
def shoot(
    folder: Folder,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The page's port; 0 = any free one.")
    ] = 0,
) -> None:
    """Watch the hot folder, work, serve the review page, deliver what is approved. The main job."""
    from studio_pipeline.review.shoot import shoot as run

    run(_open(folder), port, _user(), _announce)


@app.command()
def run(folder: Folder) -> None:
    """Process what is there, then exit: no watching, no page."""
    from studio_pipeline.pipeline import report
    from studio_pipeline.pipeline.studio import at_work, utc_now

    session = _open(folder)
    with at_work(session) as studio, _progress("working") as tick:
        studio.run(tick)
        counts = report.status(session, studio.catalog.entries(), utc_now())["counts"]
    typer.echo(", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "nothing to do")


@app.command()
def status(folder: Folder, as_json: AsJson = False) -> None:
    """What is in the session, and in which state."""
    from studio_pipeline.pipeline import report
    from studio_pipeline.pipeline.studio import utc_now

    with _catalog(_open(folder)) as (session, catalog):
        answer = report.status(session, catalog.entries(), utc_now())
    if as_json:
        return _print_json(answer)
    rows = [[c["name"], c["state"], c["id"][:12], c["reason"]] for c in answer["captures"]]
    _table(["capture", "state", "id", "reason"], rows)
    if answer["last_frame_age_s"] is not None:
        typer.echo(f"last frame {answer['last_frame_age_s']:.0f} s ago")


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
            decided = decisions.approve(entry.id, None, None, _user(), utc_now())
            typer.echo(f"{decided.name} approved")
        if not chosen:
            typer.echo("nothing is proposed")


@app.command()
def reject(folder: Folder, captures: Captures = None) -> None:
    """Reject proposals; the captures themselves are not touched."""
    from studio_pipeline.pipeline.studio import utc_now

    with _decisions(folder) as (catalog, decisions):
        for entry in _find(catalog, captures):
            typer.echo(f"{decisions.reject(entry.id, _user(), utc_now()).name} rejected")


@app.command()
def revoke(folder: Folder, captures: Captures = None) -> None:
    """Take back an approval or a rejection; untouched deliverables go with it."""
    from studio_pipeline.pipeline.studio import utc_now

    with _decisions(folder) as (catalog, decisions):
        for entry in _find(catalog, captures):
            typer.echo(
                f"{decisions.revoke(entry.id, _user(), utc_now()).name} is {entry.state.value} no more"
            )


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

    session = _open(folder)
    names = [r.name for r in session.preset.deliverables]
    if recipe is not None and recipe not in names:
        raise Refused(f"no output recipe {recipe!r} in this session; there are: {', '.join(names)}")
    only = frozenset({Stage.DELIVER})
    with at_work(session, only=only, recipe=recipe) as studio, _progress("delivering") as tick:
        before = {d.sha256 for e in studio.catalog.entries() for d in e.delivered}
        studio.deliver(tick)
        made = [d for e in studio.catalog.entries() for d in e.delivered if d.sha256 not in before]
    for one in made:
        typer.echo(one.path.decode("utf-8", "backslashreplace"))
    typer.echo(f"{len(made)} delivered" if made else "nothing new to deliver")


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
        _print_json(asdict(verdict))
    else:
        typer.echo(_verdict(file, verdict))
    if not verdict.valid:
        raise typer.Exit(1)


@app.command()
def edit(
    source: Annotated[Path, typer.Argument(metavar="IN", help="DNG or another RAW, TIFF, PNG, JPEG.")],
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
    with _progress("editing"):
        answer = single.edit(source, out, chosen, specs)
    if as_json:
        return _print_json(answer)
    for one in answer["edits"]:
        for refusal in one["refusals"]:
            typer.echo(f"{one['name']}, {refusal['where']}: {refusal['reason']}", err=True)
    typer.echo(f"{out} in {sum(answer['seconds'].values()):.1f} s")


@app.command()
def mask(
    source: Annotated[Path, typer.Argument(metavar="IN", help="DNG or another RAW, TIFF, PNG, JPEG.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="A PNG; 255 = inside.")],
    what: Annotated[
        str, typer.Option("--what", help="protect (255 = may not change), face, skin or matte.")
    ] = "protect",
    as_json: AsJson = False,
) -> None:
    """Write one mask of one picture."""
    from studio_pipeline.pipeline import single
    from studio_pipeline.records.preset import load

    answer = single.mask(source, out, load(DEFAULT_PRESET), what)
    if as_json:
        return _print_json(answer)
    typer.echo(f"{out}: {len(answer['faces'])} faces; {answer['reason'] or 'sure of it'}")


@presets_app.command("list")
def presets_list(as_json: AsJson = False) -> None:
    """The presets that ship."""
    from studio_pipeline.records.preset import load, names

    rows = [{"name": name, "title": load(name).title} for name in names()]
    if as_json:
        return _print_json(rows)
    _table(["preset", ""], [[r["name"], r["title"]] for r in rows])


@presets_app.command("show")
def presets_show(
    name: Annotated[str, typer.Argument(help="A preset's name, or a TOML file.")], as_json: AsJson = False
) -> None:
    """Every key of a preset with its value and meaning."""
    from studio_pipeline.pipeline import settings
    from studio_pipeline.records.preset import load

    preset = load(name)
    if as_json:
        return _print_json(preset.model_dump(mode="json"))
    _table(["key", "value", "meaning"], settings.explained(preset))


@presets_app.command("check")
def presets_check(name: Annotated[str, typer.Argument(help="A preset's name, or a TOML file.")]) -> None:
    """Check a preset: every key, every edit's parameters."""
    from studio_pipeline.edits.stack import check
    from studio_pipeline.records.preset import load

    preset = load(name)
    check(preset.edits)
    edits = ", ".join(spec.name for spec in preset.edits) or "no edits"
    typer.echo(f"{name} is good: {edits}; {len(preset.deliverables)} deliverables")


@models_app.command("list")
def models_list(as_json: AsJson = False) -> None:
    """The engines, and whether the weights they want are here."""
    from studio_pipeline.engines import registry

    rows = registry.listed()
    if as_json:
        return _print_json(rows)
    if not rows:
        typer.echo("no generative engine is set up; every edit that ships is classical and needs no weights")
    else:
        _table(["engine", "licence", "state"], [[r["name"], r["licence"], r["state"]] for r in rows])


@models_app.command("check")
def models_check() -> None:
    """Check the weights that are here against their recorded hashes."""
    from studio_pipeline.engines import registry

    typer.echo(registry.check())


@models_app.command("add")
def models_add(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with a pipeline's weights.")],
) -> None:
    """Take in weights from a local folder."""
    from studio_pipeline.engines import registry

    typer.echo(registry.add(folder))


@models_app.command("pull")
def models_pull(name: Annotated[str, typer.Argument(help="An engine's name.")]) -> None:
    """Fetch an engine's weights, only when asked to by this command."""
    from studio_pipeline.engines import registry

    typer.echo(registry.pull(name))


@app.command()
def demo(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where; a new temporary folder if left out.")
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="Approve, deliver, verify, then exit.")
    ] = False,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The page's port; 0 = any free one.")
    ] = 0,
) -> None:
    """Render a small shoot, tether it in, propose, review."""
    from studio_pipeline.demo.run import run_demo

    run_demo(folder, headless=headless, port=port, user=_user(), announce=_announce)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """What is installed, what is missing, and how to mend it."""
    from studio_pipeline.pipeline import doctor as check

    findings = check.examine()
    if as_json:
        _print_json([f.as_json() for f in findings])
    else:
        _table(["", "what", "found", "mend"], [[f.mark, f.what, f.found, f.mend] for f in findings])
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


def _announce(url: str) -> None:
    """Print the page's address, and open it where there is a screen to open it on."""
    import webbrowser

    typer.echo(f"review page: {url}")
    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)


@contextmanager
def _progress(what: str) -> Iterator[Any]:
    """A spinner on a terminal, silence elsewhere. Yields a function to call when something moved."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield lambda: None


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, ensure_ascii=True))


def _table(header: list[str], rows: list[list[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(*header, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(str(cell).replace("[", "\\[") for cell in row))
    Console().print(table)


def _verdict(file: Path, verdict: Any) -> str:
    if not verdict.valid:
        return f"{file.name}: NOT PROVED\n" + "\n".join(f"  {reason}" for reason in verdict.reasons)
    return (
        f"{file.name}: proved. {verdict.locked_pixels_changed} of {verdict.locked_pixels} locked pixels changed; "
        f"{verdict.changed_area_fraction:.3%} of the frame was edited ({verdict.tier}: {', '.join(verdict.edits) or 'nothing'})"
    )

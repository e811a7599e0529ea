"""A second station's session joined into this one: its files, and what was said there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from hot_folder import Journal
from hot_folder.bringing import Brought, bring, folder_name
from hot_folder.errors import HotFolderError
from hot_folder.station import Joining, Station, join, read_station
from hot_folder.stock import Stock
from studio_pipeline.errors import Refused, StudioError, TryAgain
from studio_pipeline.pipeline import bringing, proof
from studio_pipeline.pipeline.bringing import Json
from studio_pipeline.pipeline.studio import Studio, at_work
from studio_pipeline.pipeline.supervisor import Supervisor
from studio_pipeline.pipeline.words import Interpreter, Words
from studio_pipeline.records.capture import shown
from studio_pipeline.session.catalog import Catalog
from studio_pipeline.session.folder import Session
from studio_pipeline.session.reading import copied_databases, left_alone

Tell = Callable[[str], None]
_PLAIN, _MARKED = 1, 2


@dataclass
class Theirs:
    """What the other session remembers, from copies of its databases; None where they are not to be had."""

    journal: Journal | None = None
    catalog: Catalog | None = None
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Files:
    station: Station
    joining: Joining
    brought: Brought
    problems: list[str]


def merge(
    session: Session,
    other: Session,
    *,
    tell: Tell = lambda text: None,
) -> Json:
    """Copy in what this session lacks of another's captures, take it in, and bring along what was said there.

    The other one is only read. Raises Refused where they cannot be joined, or it would not fit.
    """
    if other.id == session.id:
        raise Refused(f"{other.root} is a copy of {session.root}: there is nothing to join")
    bringing.refuse_if_nested(session, other.root)
    with ExitStack() as opened:
        opened.enter_context(left_alone(other))
        theirs = opened.enter_context(_theirs(other))
        opened.enter_context(bringing.alone(session))
        nobody = opened.enter_context(Supervisor([]))  # no work on pixels
        studio = opened.enter_context(at_work(session, only=frozenset(), workers=nobody))
        folder = _folder(session, studio.catalog, other)
        files = _bring_files(studio, other, theirs, folder, tell)
        words = Words()
        if not files.brought.gave_up:
            studio.run(lambda: tell("taking in"))
            if theirs.catalog is not None:
                words = _words(session, other, theirs.catalog, studio.catalog)
        return {
            "session": shown(os.fsencode(session.root)),
            "other": shown(os.fsencode(other.root)),
            "folder": shown(b"Capture/" + folder),
            **_files_said(files),
            **_words_said(words),
            "warnings": [*files.station.oddities, *studio.problems()],
            "problems": theirs.problems + files.problems,
            "complete": not (theirs.problems or files.problems),
        }


def _words(session: Session, other: Session, theirs: Catalog, ours: Catalog) -> Words:
    edits = [spec.name for spec in session.preset.edits]
    return Interpreter(theirs, ours, other.id, _name(other), edits).bring()


@contextmanager
def _theirs(other: Session) -> Iterator[Theirs]:
    theirs = Theirs()
    with ExitStack() as opened:
        try:
            folder = opened.enter_context(copied_databases(other))
            if (folder / "journal.sqlite").exists():
                path = os.fsencode(folder / "journal.sqlite")
                theirs.journal = opened.enter_context(Journal.open(path))
            if (folder / "catalog.sqlite").exists():
                theirs.catalog = Catalog(folder / "catalog.sqlite")
                opened.callback(theirs.catalog.close)
        except TryAgain:
            raise
        except (StudioError, HotFolderError, OSError) as error:
            theirs.problems.append(f"what was said there, and exports in its Output, stay there: {error}")
        yield theirs


def _folder(session: Session, catalog: Catalog, other: Session) -> bytes:
    """The name of the folder in Capture for all that comes from a station: always the same, and its alone."""
    name = os.fsencode(other.root.name)
    fact = f"merged {other.id} as {_name(other)}"
    plain, marked = folder_name(name), folder_name(name, b"-" + other.id[:8].encode())
    if catalog.fact(fact) == 0:
        is_taken = os.path.lexists(session.capture / os.fsdecode(plain))
        catalog.set_fact(fact, _MARKED if is_taken else _PLAIN)
    return marked if catalog.fact(fact) == _MARKED else plain


def _bring_files(studio: Studio, other: Session, theirs: Theirs, folder: bytes, tell: Tell) -> Files:
    def is_deliverable(sha256: bytes) -> bool:
        return proof.wrote_this(other.records, sha256.hex())

    tell("listing")
    station = read_station(os.fsencode(other.root), theirs.journal, is_deliverable)
    try:
        stock = Stock(os.fsencode(studio.session.root), studio.journal)
    except HotFolderError as error:
        raise Refused(str(error)) from error
    joining = join(station, folder, stock, lambda done, all_: tell(f"{done} of {all_} frames"))
    bringing.check_room(studio.session, joining.wanted)
    brought = bring(joining.wanted, stock, lambda done, all_: tell(f"{done} of {all_} copied"))
    problems = [*station.problems, *joining.problems, *stock.problems.values(), *brought.problems]
    return Files(station, joining, brought, list(dict.fromkeys(problems)))


def _files_said(files: Files) -> Json:
    return {
        "copied": len(files.brought.files),
        "copied_bytes": sum(one.file.size for one in files.brought.files),
        "already_here": files.joining.held,
        "left_in_trash": files.station.in_trash,
        "left_in_output": files.station.left_in_output,
        "files": [bringing.as_json(one) for one in files.brought.files],
    }


def _words_said(words: Words) -> Json:
    return {
        "picks": words.picks,
        "rejections": words.rejections,
        "doors": words.doors,
        "hands": words.hands,
        "references": words.references,
        "consents": words.consents,
        "approve_again": [{"id": entry.id, "name": entry.name} for entry in words.approve_again],
        "left": [{"id": entry.id, "name": entry.name, "why": why} for entry, why in words.left],
    }


def _name(session: Session) -> str:
    return shown(os.fsencode(session.root.name))

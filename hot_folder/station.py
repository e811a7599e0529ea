"""What lies in another station's session and is to come along: its captures, and the exports made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from hot_folder.bringing import CAPTURE, FRAMES, Judged, Naming, Progress, Wanted, judge, promise
from hot_folder.errors import OriginalUnreadable
from hot_folder.events import FileRow, FileState
from hot_folder.journal import Journal
from hot_folder.names import role_of, split, stem_of
from hot_folder.records import Place, shown
from hot_folder.scanner import Found, ListingFailed, scan
from hot_folder.stock import SomeFile, Stock, is_unchanged

_FOLDERS = (b"Capture", b"Selects")
_OUTPUT, _TRASH = b"Output", b"Trash"


@dataclass(slots=True)
class Station:
    """The files of a session by exposure, each with its path below the folder that all of it goes into."""

    root: bytes
    units: list[dict[SomeFile, bytes]] = field(default_factory=list)
    in_trash: int = 0
    left_in_output: int = 0
    oddities: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Joining:
    """A station held against a session: how much of it that has, and what it lacks."""

    held: int = 0
    wanted: list[Wanted] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_station(root: bytes, journal: Journal | None, is_deliverable: Callable[[bytes], bool]) -> Station:
    """List a session that is only read. root: its absolute path.

    journal: of that session, None where it is not to be had: then exports in Output stay. is_deliverable:
    whether a SHA-256 is that of a file that the program itself made there.
    """
    station = Station(root)
    rows = {} if journal is None else {row.path: row for row in journal.live_files()}
    units: dict[object, dict[SomeFile, bytes]] = {}
    files = [found for folder in _FOLDERS for found in _files(station, folder)]
    captures = _captures(files, rows)
    for found in files:
        unit = units.setdefault(captures.get(_namesakes(found.path), _namesakes(found.path)), {})
        unit[_some_file(root, found, rows)] = found.path.partition(b"/")[2]
    station.in_trash = sum(_is_frame(found.path) for found in _files(station, _TRASH))
    for found in _files(station, _OUTPUT):
        capture = _capture_of_export(rows.get(found.path), found, is_deliverable)
        if capture in units:
            folder = split(_first_frame(units[capture]))[0]
            units[capture][_some_file(root, found, rows)] = b"/".join(filter(None, (folder, found.path)))
        else:
            station.left_in_output += _is_frame(found.path)
    station.units = list(units.values())
    return station


def join(
    station: Station, folder: bytes, stock: Stock, progress: Progress = lambda done, all_: None
) -> Joining:
    """What a session has of a station's files, and what it lacks. folder: its name in Capture for them."""
    joining = Joining()
    for number, unit in enumerate(station.units):
        progress(number, len(station.units))
        judged = judge(unit, stock)
        joining.held += len(judged.held)
        joining.problems += judged.unreadable
        if judged.lacking:
            try:
                joining.wanted += promise(judged.lacking, _namings(folder, unit, judged), stock)
            except OriginalUnreadable as error:
                joining.problems.append(str(error))
    return joining


def _namings(folder: bytes, unit: Mapping[SomeFile, bytes], judged: Judged) -> list[Naming]:
    """Beside its frame where that is here; else below the station's folder, as it lies there."""

    def as_there(file: SomeFile) -> bytes:
        return CAPTURE + folder + b"/" + unit[file]

    return [as_there] if judged.beside is None else [judged.beside, as_there]


def _files(station: Station, folder: bytes) -> Iterator[Found]:
    """What lies in one of a station's folders. What cannot be listed, or is no file, is named."""
    for listing in scan(station.root, folder):
        if isinstance(listing, ListingFailed):
            if listing.folder != folder or not isinstance(listing.error, FileNotFoundError):
                station.problems.append(listing.reason)
            continue
        station.oddities += [odd.reason for odd in listing.oddities]
        station.problems += [f"{shown(path)} cannot be looked at: check its drive" for path in listing.unsure]
        yield from listing.files


def _captures(files: list[Found], rows: Mapping[bytes, FileRow]) -> dict[tuple[bytes, bytes], int]:
    """Which capture of its journal a station's frames belong to, by folder and stem."""
    captures: dict[tuple[bytes, bytes], int] = {}
    for found in files:
        row = rows.get(found.path)
        if _is_frame(found.path) and row is not None and _is_still(row, found) and row.group_id is not None:
            captures.setdefault(_namesakes(found.path), row.group_id)
    return captures


def _capture_of_export(
    row: FileRow | None, found: Found, is_deliverable: Callable[[bytes], bool]
) -> int | None:
    if row is None or row.place is not Place.OUTPUT or row.sha256 is None or not _is_still(row, found):
        return None
    return None if is_deliverable(row.sha256) else row.group_id


def _is_still(row: FileRow, found: Found) -> bool:
    """Whether a file is what the journal knows, as far as can be told once a session was copied elsewhere."""
    return row.state is FileState.PRESENT and row.key.size == found.key.size


def _some_file(root: bytes, found: Found, rows: Mapping[bytes, FileRow]) -> SomeFile:
    row = rows.get(found.path)
    is_known = row is not None and row.state is FileState.PRESENT and is_unchanged(row, found)
    return SomeFile(root, found.path, found.key.size, row.sha256 if row is not None and is_known else None)


def _namesakes(path: bytes) -> tuple[bytes, bytes]:
    folder, name = split(path)
    return folder, stem_of(name)


def _first_frame(unit: Mapping[SomeFile, bytes]) -> bytes:
    """The path of the file that names a capture: its RAW, else its TIFF, else its JPEG."""
    frames = [file for file in unit if file.role in FRAMES]
    return unit[min(frames, key=lambda file: FRAMES.index(file.role))]


def _is_frame(path: bytes) -> bool:
    return role_of(split(path)[1]) in FRAMES

"""What lies on a camera's card, and what of it a session lacks."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace

from hot_folder.bringing import CAPTURE, Judged, Naming, Progress, Wanted, folder_name, judge, promise
from hot_folder.errors import OriginalUnreadable
from hot_folder.names import split, stem_of
from hot_folder.records import Role, shown
from hot_folder.scanner import Listing, ListingFailed, scan
from hot_folder.stock import SomeFile, Standing, Stock

_PICTURES = b"dcim"


@dataclass(slots=True)
class Card:
    """The picture files of a card, by exposure; `others` counts what is no picture, or lies beside DCIM."""

    root: bytes
    units: list[list[SomeFile]] = field(default_factory=list)
    others: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def files(self) -> int:
        return sum(map(len, self.units))


@dataclass(slots=True)
class Comparison:
    """A card held against a session."""

    held: Counter[Standing] = field(default_factory=Counter)
    wanted: list[Wanted] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_card(root: bytes) -> Card:
    """List a card, a folder that holds several, or any folder. root: its absolute path.

    Where there is a DCIM folder the camera's pictures lie in it, and the thumbnails of its films beside it.
    """
    card = Card(root)
    listings = list(scan(root, b"."))
    folders = (split(each.folder) for each in listings)
    with_pictures = {parent for parent, name in folders if name.lower() == _PICTURES}
    units: dict[tuple[bytes, bytes], list[SomeFile]] = {}
    for listing in listings:
        is_beside = _lies_beside(listing.folder, with_pictures)
        if isinstance(listing, ListingFailed):
            if not is_beside:
                folder = os.path.normpath(os.path.join(root, listing.folder))
                card.problems.append(replace(listing, folder=folder).reason)
            continue
        _sort(listing, card, units, is_beside=is_beside)
    card.units = [units[place] for place in sorted(units)]
    return card


def _lies_beside(folder: bytes, with_pictures: set[bytes]) -> bool:
    """Whether a folder holds a DCIM folder, or lies in one that does, and not in its DCIM."""
    parts = folder.split(b"/")
    for depth in range(1, len(parts) + 1):
        below = b"".join(parts[depth : depth + 1])
        if b"/".join(parts[:depth]) in with_pictures and below.lower() != _PICTURES:
            return True
    return False


def _sort(
    listing: Listing, card: Card, units: dict[tuple[bytes, bytes], list[SomeFile]], *, is_beside: bool
) -> None:
    for path in listing.unsure if not is_beside else ():
        card.problems.append(f"{shown(_below(path))} cannot be looked at: check the card and its reader")
    for found in listing.files:
        file = SomeFile(card.root, _below(found.path), found.key.size)
        if is_beside or file.role is Role.OTHER:
            card.others += 1
        else:
            units.setdefault((split(file.path)[0], stem_of(file.name)), []).append(file)


def _below(path: bytes) -> bytes:
    return path.removeprefix(b"./")


def compare(card: Card, stock: Stock, progress: Progress = lambda done, all_: None) -> Comparison:
    """What the session has of the card's pictures, and what it lacks, with the names that is to get."""
    comparison = Comparison()
    for number, unit in enumerate(card.units):
        progress(number, len(card.units))
        judged = judge(unit, stock)
        comparison.held.update(held.standing for held in judged.held.values())
        comparison.problems += judged.unreadable
        if judged.lacking:
            try:
                comparison.wanted += promise(judged.lacking, _namings(card, judged), stock)
            except OriginalUnreadable as error:
                comparison.problems.append(str(error))
    return comparison


def _namings(card: Card, judged: Judged) -> list[Naming]:
    """Beside its frame where that is here; else Capture; else a folder named as on the card."""
    name = split(split(judged.lacking[0].path)[0])[1] or os.path.basename(card.root)
    folder = folder_name(name)
    plain: list[Naming] = [
        lambda file: CAPTURE + file.name,
        lambda file: b"%s%s/%s" % (CAPTURE, folder, file.name),
    ]
    return plain if judged.beside is None else [judged.beside, *plain]

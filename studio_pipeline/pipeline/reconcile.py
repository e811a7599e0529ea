"""After a camera stalled or a cable dropped: what lies on its card and not in the session."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from hot_folder import Journal, Role
from hot_folder.bringing import Brought, Wanted, bring
from hot_folder.card import Card, Comparison, compare, read_card
from hot_folder.copying import original
from hot_folder.errors import HotFolderError
from hot_folder.stock import SomeFile, Standing, Stock
from studio_pipeline.errors import Refused
from studio_pipeline.pipeline import bringing
from studio_pipeline.pipeline.bringing import Json
from studio_pipeline.pipeline.hints import read_hints
from studio_pipeline.records.capture import shown
from studio_pipeline.session.folder import Session

Tell = Callable[[str], None]


def reconcile(
    session: Session,
    card: Path,
    *,
    copy: bool,
    tell: Tell = lambda text: None,
) -> Json:
    """Compare a card with a session by content, and with ``copy`` bring in what is missing.

    Works beside a running shoot. Raises Refused where nothing can be compared, or what is missing does not
    fit.
    """
    root = bringing.existing(card)
    bringing.refuse_if_nested(session, root)
    tell("listing")
    found = read_card(os.fsencode(root))
    if not found.files:
        why = found.problems[0] if found.problems else "look whether the card is mounted there"
        raise Refused(f"no picture was found on {root}: {why}")
    with bringing.alone(session) if copy else nullcontext(), _stock(session) as stock:
        compared = compare(found, stock, lambda done, all_: tell(f"{done} of {all_} frames"))
        missing = [_row(one) for one in compared.wanted]
        brought = Brought()
        if copy:
            bringing.check_room(session, compared.wanted)
            brought = bring(compared.wanted, stock, lambda done, all_: tell(f"{done} of {all_} copied"))
    for row, one in zip(missing, compared.wanted, strict=True):
        row["copied"] = one in brought.files
    problems = [*found.problems, *compared.problems, *stock.problems.values(), *brought.problems]
    return _answer(session, found, compared, missing, list(dict.fromkeys(problems)))


@contextmanager
def _stock(session: Session) -> Iterator[Stock]:
    try:
        with Journal.open(os.fsencode(session.databases / "journal.sqlite")) as journal:
            yield Stock(os.fsencode(session.root), journal)
    except HotFolderError as error:
        raise Refused(str(error)) from error


def _answer(
    session: Session, card: Card, compared: Comparison, missing: list[Json], problems: list[str]
) -> Json:
    held: Counter[Standing] = compared.held
    copied = sum(row["copied"] for row in missing)
    return {
        "session": shown(os.fsencode(session.root)),
        "card": shown(card.root),
        "files": card.files,
        "others": card.others,
        "here": held.total() - held[Standing.TO_COME],
        "not_taken_in": held[Standing.NOT_TAKEN_IN],
        "changed": held[Standing.CHANGED],
        "withdrawn": held[Standing.WITHDRAWN],
        "twice": held[Standing.TO_COME],
        "missing": missing,
        "copied": copied,
        "problems": problems,
        "complete": not problems and copied == len(missing),
    }


def _row(wanted: Wanted) -> Json:
    return {**bringing.as_json(wanted), "captured_at": _captured_at(wanted.file)}


def _captured_at(file: SomeFile) -> str | None:
    """As the camera's clock had it; None where the file does not say, or cannot be read."""
    if file.role is Role.SIDECAR:
        return None
    try:
        with original(file.root, file.path) as opened:
            at = read_hints(opened, file.role).captured_at
    except (HotFolderError, OSError):
        return None
    return None if at is None else at.isoformat(sep=" ")

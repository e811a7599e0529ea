"""Frames that did not come by the cable: from the camera's card, and from a second station's session."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from studio_pipeline import terminal
from studio_pipeline.cli.common import AsJson, Folder, open_session


def reconcile(
    folder: Folder,
    card: Annotated[
        Path, typer.Option("--card", metavar="PATH", help="The camera's card, or a folder that was one.")
    ],
    copy: Annotated[bool, typer.Option("--copy", help="Bring in what is missing, verified.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what lies on a camera's card and not in the session. Exits 0 when nothing is missing."""
    from studio_pipeline.pipeline import reconcile as check

    session = open_session(folder)
    with terminal.progress("comparing") as tell:
        answer = check.reconcile(session, card, copy=copy, tell=tell)
    if as_json:
        terminal.print_json(answer)
    else:
        _show_missing(answer, copy)
    if not answer["complete"]:
        raise typer.Exit(1)


def _show_missing(answer: dict[str, Any], copy: bool) -> None:
    from studio_pipeline.pipeline.bringing import size_text

    for problem in answer["problems"]:
        terminal.say(problem)
    rows = [
        [row["path"], f"{row['bytes']:,}", row["captured_at"] or "", row["to"] if row["copied"] else ""]
        for row in answer["missing"]
    ]
    if rows:
        terminal.print_table(["missing", "bytes", "taken", "copied to"], rows)
    for line in _summary(answer, copy, size_text(sum(row["bytes"] for row in answer["missing"]))):
        terminal.show(line)


def _summary(answer: dict[str, Any], copy: bool, size: str) -> list[str]:
    missing, files = len(answer["missing"]), answer["files"]
    details = [
        (answer["not_taken_in"], "lie in the session and are not taken in yet: `studio run` does that"),
        (answer["changed"], "were changed since they came"),
        (answer["withdrawn"], "are withdrawn, in Trash"),
        (answer["twice"], "lie on the card twice"),
        (answer["others"], "other files on the card were not compared"),
    ]
    lines = [f"{count} {what}" for count, what in details if count]
    if missing == 0 and answer["problems"]:
        said = f"the session has {answer['here']} of {files} files of the card; not all could be compared"
    elif missing == 0:
        said = f"nothing is missing: the session has {answer['here']} of {files} files of the card"
    elif copy:
        said = (
            f"{missing} of {files} files were missing ({size}), {answer['copied']} are copied and verified; "
            "`studio shoot` takes them in, or the next `studio run`"
        )
    else:
        said = f"{missing} of {files} files are missing from the session ({size}); `--copy` brings them in"
    return [*lines, said]

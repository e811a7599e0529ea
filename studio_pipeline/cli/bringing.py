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
    lines = _counted(
        (answer["not_taken_in"], "file is", "files are", "here and not taken in yet: `studio run` does that"),
        (answer["changed"], "file was", "files were", "changed since"),
        (answer["withdrawn"], "file is", "files are", "withdrawn, in Trash"),
        (answer["twice"], "file lies", "files lie", "on the card twice"),
        (answer["others"], "other file is", "other files are", "on the card, no picture, and not compared"),
    )
    if missing == 0 and answer["problems"]:
        said = f"the session has {answer['here']} of {files} files of the card; not all could be compared"
    elif missing == 0:
        said = f"nothing is missing: the session has {answer['here']} of {files} files of the card"
    elif copy:
        said = (
            f"{missing} of {files} files were missing ({size}), {answer['copied']} copied and verified; "
            "`studio shoot` takes them in, or the next `studio run`"
        )
    else:
        said = f"{missing} of {files} files are missing from the session ({size}); `--copy` brings them in"
    return [*lines, said]


def merge(
    folder: Folder,
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="The second station's session folder.")],
    as_json: AsJson = False,
) -> None:
    """Join a second station's session into this one: its captures, and what was said of them there."""
    from studio_pipeline.pipeline import merge as joined

    session, station = open_session(folder), open_session(other)
    with terminal.progress("merging") as tell:
        answer = joined.merge(session, station, tell=tell)
    if as_json:
        terminal.print_json(answer)
    else:
        for line in [*answer["warnings"], *answer["problems"]]:
            terminal.say(line)
        for line in _merged(answer):
            terminal.show(line)
    if not answer["complete"]:
        raise typer.Exit(1)


def _merged(answer: dict[str, Any]) -> list[str]:
    from studio_pipeline.pipeline.bringing import size_text

    size = size_text(answer["copied_bytes"])
    lines = _counted(
        (answer["left_in_trash"], "file", "files", "left in its Trash"),
        (
            answer["left_in_output"],
            "file",
            "files",
            "left in its Output: a deliverable, or no frame's export",
        ),
        (answer["picks"], "pick", "picks", "brought along"),
        (answer["rejections"], "rejection", "rejections", "brought along"),
        (answer["consents"], "word on consent", "words on consent", "brought along: the stricter counts"),
        (answer["doors"], "outline", "outlines", '(or "nobody here") brought along'),
        (answer["hands"], "edit", "edits", "guided by hand brought along"),
        (answer["references"], "reference", "references", "(or that it is none) brought along"),
    )
    lines += [f"{row['name']}: {row['why']}" for row in answer["left"]]
    if answer["approve_again"]:
        names = ", ".join(row["name"] for row in answer["approve_again"])
        lines.append(f"approved there, to be approved again here: {names}")
    copied, here = answer["copied"], answer["already_here"]
    files = "1 file" if copied == 1 else f"{copied} files"
    return [
        *lines,
        f"{files} copied into {answer['folder']} ({size}) and verified, {here} were here already",
    ]


def _counted(*said: tuple[int, str, str, str]) -> list[str]:
    """A line for each (count, one, several, what of them), unless there is none."""
    return [f"{count} {one if count == 1 else more} {what}" for count, one, more, what in said if count]

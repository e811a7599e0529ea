"""What a person decides, and what follows from it: deliverables, and their proof."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from studio_pipeline import terminal
from studio_pipeline.cli.common import AsJson, Captures, Folder, counted, open_catalog, open_session, user

if TYPE_CHECKING:
    from studio_pipeline.pipeline.decide import Decisions
    from studio_pipeline.session.catalog import Catalog


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
    with decisions_about(folder) as (catalog, decisions):
        if everything:
            chosen = [e for e in catalog.entries() if e.state is State.PROPOSED]
        else:
            chosen = named(catalog, captures)
        for entry in chosen:
            decisions.approve(entry.id, None, None, user(), utc_now())
            terminal.show(f"{entry.name} approved")
        if not chosen:
            terminal.show("nothing is proposed")


def reject(folder: Folder, captures: Captures = None) -> None:
    """Reject proposals; the captures themselves are not touched."""
    from studio_pipeline.pipeline.studio import utc_now

    with decisions_about(folder) as (catalog, decisions):
        for entry in named(catalog, captures):
            decisions.reject(entry.id, user(), utc_now())
            terminal.show(f"{entry.name} rejected")


def revoke(folder: Folder, captures: Captures = None) -> None:
    """Take back an approval or a rejection; untouched deliverables go with it."""
    from studio_pipeline.pipeline.studio import utc_now

    with decisions_about(folder) as (catalog, decisions):
        for entry in named(catalog, captures):
            decisions.revoke(entry.id, user(), utc_now())
            terminal.show(f"{entry.name} is {entry.state.value} no more")


def hand(
    folder: Folder,
    capture: Annotated[
        str, typer.Argument(metavar="CAPTURE", help="A name, or an id (6 digits are enough).")
    ],
    edit: Annotated[
        str | None, typer.Option("--edit", metavar="NAME", help="Which edit; not needed where there is one.")
    ] = None,
    area: Annotated[
        Path | None, typer.Option("--area", metavar="FILE", help="Work there: mask (PNG) or polygons (JSON).")
    ] = None,
    spare: Annotated[
        Path | None, typer.Option("--spare", metavar="FILE", help="Change nothing there.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Try again, from another seed.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Take back what was drawn and tried.")] = False,
    off: Annotated[
        list[str] | None, typer.Option("--off", metavar="ID", help="Switch items off: an id, a kind, or all.")
    ] = None,
    on: Annotated[list[str] | None, typer.Option("--on", metavar="ID", help="Switch them on again.")] = None,
    as_json: AsJson = False,
) -> None:
    """Guide one edit of one capture by hand, or switch single items of it. Without a wish: what there is."""
    from studio_pipeline.errors import Refused
    from studio_pipeline.pipeline import hands
    from studio_pipeline.pipeline.studio import utc_now
    from studio_pipeline.records.hand import Wish

    with decisions_about(folder) as (catalog, decisions):
        (entry,) = named(catalog, [capture])
        wish = Wish(again=again, clear=clear)
        if area or spare:
            if entry.base is None:
                raise Refused(f"{entry.name} is {entry.state.value}: wait until it is developed")
            drawn = [hands.read(one).on(entry.base.extent) if one else None for one in (area, spare)]
            wish = wish.model_copy(update={"area": drawn[0], "spare": drawn[1]})
        asks, switches = wish != Wish(), bool(off or on)
        if asks and switches:
            raise Refused("ask for a new plan, or switch items of the one there is: not both")
        if switches:
            chosen = hands.switched(decisions.session, catalog, entry, edit, off or [], on or [])
            entry = decisions.switch(entry.id, chosen, user(), utc_now())
        elif asks:
            names = [spec.name for spec in decisions.session.preset.edits]
            wanted = hands.one_of(names, edit)
            entry = decisions.hand(entry.id, wanted, wish, None, user(), utc_now())
        _show_hand(entry, edit, as_json, planned_anew=asks)


def _show_hand(entry: Any, edit: str | None, as_json: bool, planned_anew: bool) -> None:
    from studio_pipeline.pipeline import hands

    told = hands.told(entry, edit)
    if as_json:
        terminal.print_json({"id": entry.id, "name": entry.name, "state": entry.state.value, "edits": told})
        return
    for one in told:
        terminal.show(f"{one['name']}: {one['by_hand'] or 'as proposed'}")
        rows = [[i["id"], "on" if i["on"] else "off", i["kind"], i["said"]] for i in one["items"]]
        if rows:
            terminal.print_table(["item", "", "kind", ""], rows)
    if planned_anew:
        terminal.show(f"{entry.name} is planned anew by `studio run`, or at once where `studio shoot` runs")


def mark(
    folder: Folder,
    captures: Captures = None,
    reference: Annotated[
        bool | None,
        typer.Option("--reference/--no-reference", help="A frame to match others to, or one no more."),
    ] = None,
    subject: Annotated[
        list[str] | None, typer.Option("--subject", metavar="NAME", help="Who is in it; may be repeated.")
    ] = None,
    no_subject: Annotated[
        list[str] | None, typer.Option("--no-subject", metavar="NAME", help="Who is not in it after all.")
    ] = None,
) -> None:
    """Name captures as references, for others to be matched to; or say who is in them. A..B is a range."""
    from studio_pipeline.pipeline.studio import utc_now

    if reference is None and not (subject or no_subject):
        reference = True
    with decisions_about(folder) as (catalog, decisions):
        for entry in in_ranges(catalog, captures):
            if reference is not None:
                decisions.mark_reference(entry.id, reference, user(), utc_now())
                terminal.show(f"{entry.name} is {'a reference' if reference else 'no reference'}")
            if subject or no_subject:
                people = (set(entry.people) | set(subject or ())) - set(no_subject or ())
                people_now = decisions.name_people(entry.id, people).people
                terminal.show(f"{entry.name} shows {', '.join(people_now) or 'nobody who was named'}")


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

    session = open_session(folder)
    names = [r.name for r in session.preset.deliverables]
    if recipe is not None and recipe not in names:
        raise Refused(f"no output recipe {recipe!r} in this session; there are: {', '.join(names)}")
    with open_catalog(session) as (_, catalog):
        before = catalog.entries()
    approved = {e.id for e in before if e.state is State.APPROVED}
    if not approved:
        terminal.show("nothing new to deliver")
        return
    only = frozenset({Stage.DELIVER})
    with at_work(session, only=only, recipe=recipe) as studio, terminal.progress("delivering") as tell:
        studio.deliver(lambda: tell(counted(studio.catalog)))
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


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A deliverable.")],
    session: Annotated[
        Path | None, typer.Option("--session", metavar="DIR", help="Where it was made.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="OUT.png", help="Draw what was changed, and where.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove what was and was not changed. Exits 0 only when everything holds."""
    from dataclasses import asdict

    from studio_pipeline.pipeline import verify as check

    with open_catalog(open_session(session or check.find_session(file))) as (opened, catalog):
        originals = {m.sha256: m.path for e in catalog.entries() for m in e.members}
        verdict = check.verify(file, opened, originals, picture)
    if as_json:
        terminal.print_json(asdict(verdict))
    else:
        for line in _verdict(file, verdict):
            terminal.show(line)
    if not verdict.valid:
        raise typer.Exit(1)


@contextmanager
def decisions_about(folder: Path) -> Iterator[tuple[Catalog, Decisions]]:
    import socket

    from studio_pipeline.pipeline.decide import Decisions

    with open_catalog(open_session(folder)) as (session, catalog):
        yield catalog, Decisions(session, catalog, socket.gethostname(), "command")


def named(catalog: Catalog, wanted: list[str] | None) -> list[Any]:
    from studio_pipeline.errors import Refused
    from studio_pipeline.pipeline.decide import find

    if not wanted:
        raise Refused("name at least one capture; `studio status` lists them")
    return [find(catalog, one) for one in wanted]


def in_ranges(catalog: Catalog, wanted: list[str] | None) -> list[Any]:
    """As ``named``, and for ``FIRST..LAST`` all that arrived from one to the other."""
    from studio_pipeline.pipeline.decide import find

    entries = catalog.entries()
    ids = [entry.id for entry in entries]
    chosen: dict[str, Any] = {}
    for one in wanted or []:
        first, dots, last = one.partition("..")
        if dots and first and last:
            ends = sorted(ids.index(find(catalog, end).id) for end in (first, last))
            found = entries[ends[0] : ends[1] + 1]
        else:
            found = named(catalog, [one])
        chosen |= {entry.id: entry for entry in found}
    return list(chosen.values()) or named(catalog, wanted)


def _verdict(file: Path, verdict: Any) -> list[str]:
    drawn = [f"drawn in {verdict.picture}"] if verdict.picture else []
    if not verdict.valid:
        lines = [f"{file.name}: NOT PROVED", *(f"  {reason}" for reason in verdict.reasons)]
        lines += [f"  at rows {y0} to {y1 - 1}, columns {x0} to {x1 - 1}" for y0, x0, y1, x1 in verdict.boxes]
        more = verdict.places - len(verdict.boxes)
        return lines + [f"  and {more} more places"] * (more > 0) + drawn
    edits = ", ".join(verdict.edits) or "nothing"
    share, by = verdict.generated_fraction, ", ".join(verdict.generated_by)
    made = [f"{share:.1%} of the picture is generated ({by}); none of it is the person"] if share else []
    return [
        f"{file.name}: proved. {verdict.locked_pixels_changed} of {verdict.locked_pixels} locked pixels "
        f"changed; {verdict.changed_area_fraction:.3%} of the frame was edited ({verdict.tier}: {edits})",
        *made,
        *drawn,
    ]

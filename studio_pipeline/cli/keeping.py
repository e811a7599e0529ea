"""The vault: named, looked through, and asked to give back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from studio_pipeline import terminal
from studio_pipeline.cli.common import AsJson, Folder, open_session

if TYPE_CHECKING:
    from studio_pipeline.session.folder import Session

vault = typer.Typer(no_args_is_help=True, help="The second copy of every original.")


@vault.command("set")
def vault_set(
    folder: Folder,
    place: Annotated[Path | None, typer.Argument(metavar="VAULT", help="A folder on a second drive.")] = None,
    no_vault: Annotated[
        bool, typer.Option("--no-vault", help="One copy of each original is enough.")
    ] = False,
) -> None:
    """Give a session a vault, another one, or none; the next run or shoot copies all it has."""
    from studio_pipeline.errors import Refused
    from studio_pipeline.session.folder import set_vault

    if (place is not None) == no_vault:
        raise Refused("name the vault's folder, or give --no-vault")
    session = set_vault(open_session(folder), place)
    if session.vault is None:
        terminal.show("no vault from now on; a former one keeps what it has")
        return
    terminal.show(f"the vault is {session.vault}; `studio run {session.root}` copies all that is there")
    say_what_is_at_risk(session)


@vault.command("check")
def vault_check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A session's folder, or a vault.")],
    as_json: AsJson = False,
) -> None:
    """Read every copy, and name what is missing, changed or extra. Exits 0 only when all is well."""
    from studio_pipeline.pipeline import recovery

    with terminal.progress("checking") as tell:
        verdict = recovery.check(folder, _counting(tell))
    if as_json:
        terminal.print_json(verdict.as_json())
    else:
        for line in verdict.lines:
            terminal.show(line)
        found = f"{verdict.checked.files} files as they were copied, {verdict.checked.size / 1e9:.1f} GB"
        terminal.show(f"the vault {verdict.vault}: {found}, {verdict.checked.generations} lists")
    if not verdict.valid:
        raise typer.Exit(1)


@vault.command("restore")
def vault_restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A session's folder, or that of a lost one.")],
    place: Annotated[
        Path | None, typer.Option("--vault", metavar="VAULT", help="Where the vault is; its own otherwise.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--session", metavar="NAME", help="Whose, where it served several.")
    ] = None,
) -> None:
    """Bring back what is missing. Nothing is replaced; a second run changes nothing."""
    from studio_pipeline.pipeline import recovery
    from studio_pipeline.session.folder import is_session

    with terminal.progress("restoring") as tell:
        done = recovery.restore(folder, place, name, _counting(tell))
    for path, laid in done.beside:
        terminal.show(recovery.laid_beside(path, laid))
    for _, why in done.failed:
        terminal.say(why)
    brought = len(done.restored) + len(done.beside)
    terminal.show(f"{brought} restored, {done.there} were there, {len(done.failed)} could not be restored")
    if brought and not is_session(folder):
        terminal.show(f"`studio init {folder} --vault {place}` makes a session of it")
    if done.failed:
        raise typer.Exit(1)


def ask_for_vault() -> Path | None:
    answer = terminal.ask(
        "Vault, a folder on a second drive for a copy of every original (Enter for none: they exist once)"
    )
    return Path(answer).expanduser() if answer else None


def say_what_is_at_risk(session: Session) -> None:
    from studio_pipeline.pipeline import safekeeping

    if session.vault_shares_drive:
        terminal.say(safekeeping.ONE_DRIVE)
    elif session.vault is None and not session.no_vault:
        terminal.say(
            "no vault: every original exists only once; "
            f"`studio vault set {session.root} VAULT` names one, --no-vault says that this is meant"
        )


def _counting(tell: Callable[[str], None]) -> Callable[[int, int], None]:
    return lambda done, of: tell(f"{done} of {of}")

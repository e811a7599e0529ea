"""`studio models`: the line-up of models, and taking weights in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from studio_pipeline import terminal
from studio_pipeline.cli.common import AsJson

models = typer.Typer(no_args_is_help=True, help="Models that engines use: what is installed, take in, check.")


@models.command("list")
def models_list(as_json: AsJson = False) -> None:
    """Every model of the line-up: licence, size, and whether it is installed."""
    from studio_pipeline.engines import lineup, store

    folder = store.folder()
    rows = []
    for model in lineup.models():
        found = store.installed(folder, model.name)
        rows.append(
            {
                "name": model.name,
                "engine": model.engine,
                "part": model.part,
                "source": model.source,
                "licence": model.licence,
                "commercial": model.commercial,
                "training": model.training,
                "size_bytes": found.size_bytes if found else model.size_bytes,
                "memory_bytes": model.memory_bytes,
                "installed": found is not None,
            }
        )
    if as_json:
        terminal.print_json({"models": rows, "folder": str(folder)})
        return
    header = ["model", "engine", "part", "licence", "commerce", "size", "installed"]
    terminal.print_table(
        header,
        [
            [
                str(row["name"]),
                str(row["engine"]),
                str(row["part"]),
                str(row["licence"]),
                "yes" if row["commercial"] else "no",
                f"{int(str(row['size_bytes'])) / 1e9:.1f} GB",
                "yes" if row["installed"] else "",
            ]
            for row in rows
        ],
    )
    terminal.show(f"weights lie in {folder}")


@models.command("check")
def models_check(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One model; all if left out.")] = None,
    run: Annotated[bool, typer.Option(help="Ask each engine for a small picture, too.")] = True,
) -> None:
    """Compare the weights with what was taken in, and see that their engines answer."""
    from studio_pipeline.engines import lineup, registry, store

    folder = store.folder()
    known = [lineup.model(name)] if name else list(lineup.models())
    found = [one for one in known if name or store.installed(folder, one.name) is not None]
    if not found:
        terminal.show("no model is installed; every edit that ships works without one")
        return
    for one in found:
        store.verify(folder, one.name)
        terminal.show(f"{one.name}: every file is what was taken in")
    for engine_name in dict.fromkeys(one.engine for one in found) if run else ():
        if store.weights_of(folder, engine_name) is not None:
            engine = registry.named(engine_name, folder, non_commercial=True)
            terminal.show(registry.smoke(engine))
            engine.unload()


@models.command("add")
def models_add(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A model's folder, or one safetensors file.")],
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="Its name in `studio models list`.")],
    config: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="For one file: the folder of its repository without the weights."),
    ] = None,
) -> None:
    """Take in weights from this machine."""
    from studio_pipeline.engines import store

    record = store.add(store.folder(), path, name, config)
    size = f"{record.size_bytes / 1e9:.2f} GB"
    terminal.show(f"{name}: {len(record.files)} files, {size}; licence {record.licence}")


@models.command("pull")
def models_pull(
    name: Annotated[str, typer.Argument(help="Its name in `studio models list`.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: the licence has been read.")] = False,
) -> None:
    """Fetch a model from its hub: the one command that uses a network. Shows licence and size, and asks."""
    from studio_pipeline.engines import fetch, lineup, store

    model = lineup.model(name)
    wanted = fetch.offer(model)
    terminal.show(f"{model.name}: {model.source} at {wanted.commit[:12]}")
    terminal.show(f"licence: {model.licence}" + ("" if model.commercial else "; not for commercial use"))
    terminal.show(f"training data: {model.training}")
    terminal.show(f"{len(wanted.files)} files, {wanted.size_bytes / 1e9:.2f} GB, into {store.folder()}")
    if not yes and terminal.ask("Fetch it? [y/N]").lower() not in ("y", "yes"):
        terminal.show("nothing was fetched")
        return
    record = fetch.pull(store.folder(), wanted, terminal.show)
    terminal.show(f"{name}: {len(record.files)} files are whole and as the hub says")

"""`studio`: every command thin over a function of the layer below. Heavy imports happen inside them.

Adding a command: a function in the module of its kind, which `commands` lists.
"""

from __future__ import annotations

from studio_pipeline.cli.commands import app, call, main

__all__ = ["app", "call", "main"]

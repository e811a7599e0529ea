"""Build hook: the review page and the presets become a part of every wheel."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent / "scripts"))

import page


class ReviewPageHook(BuildHookInterface[BuilderConfig]):
    """Builds the page when its sources changed, with the machine's Node or one from a wheel."""

    def dependencies(self) -> list[str]:
        if page.is_current(Path(self.root)) or page.machine_has_node():
            return []
        return [page.NODE_REQUIREMENT]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if not page.is_current(root):
            page.build(root)
        # A checkout reads presets/ where it stands, so an editable install carries none.
        if self.target_name == "wheel" and version == "standard":
            build_data["force_include"]["presets"] = "studio_pipeline/_presets"

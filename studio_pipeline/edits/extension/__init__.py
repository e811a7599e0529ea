"""More backdrop outside a picture: decided once, drawn for any region. Edits that need new area share it."""

from __future__ import annotations

from studio_pipeline.edits.extension.body import Extension
from studio_pipeline.edits.extension.drawing import Drawing
from studio_pipeline.edits.extension.planning import decide

__all__ = ["Drawing", "Extension", "decide"]

"""More backdrop outside a picture: decided once, drawn for any region. Edits that need new area share it."""

from __future__ import annotations

from studio_pipeline.edits.extension.body import Extension
from studio_pipeline.edits.extension.drawing import Drawing
from studio_pipeline.edits.extension.planning import decide
from studio_pipeline.edits.extension.seeing import Seen, free_band, see

__all__ = ["Drawing", "Extension", "Seen", "decide", "free_band", "see"]

"""New backdrop from a model: what it is shown, what is kept of it, and how that is drawn at any scale."""

from __future__ import annotations

from studio_pipeline.edits.generated.asking import Asked
from studio_pipeline.edits.generated.body import Candidate
from studio_pipeline.edits.generated.drawing import MadeDrawing
from studio_pipeline.edits.generated.filling import fill
from studio_pipeline.edits.generated.making import make
from studio_pipeline.edits.generated.reading import Unfit

__all__ = ["Asked", "Candidate", "MadeDrawing", "Unfit", "fill", "make"]

"""Imported by a worker before its first job, so that the first frame does not wait for models."""

from studio_pipeline import guards
from studio_pipeline.edits import stack
from studio_pipeline.subject import detectors

detectors.shared()

__all__ = ["detectors", "guards", "stack"]

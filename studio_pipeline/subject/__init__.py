"""Faces and the person matte, and from them the zones; the one user of mediapipe."""

from studio_pipeline.subject.doors import nobody_here, repaint, somebody_here
from studio_pipeline.subject.faces import count_faces
from studio_pipeline.subject.read import read_subject
from studio_pipeline.subject.reading import Reading
from studio_pipeline.subject.strangers import count_people, count_sure_people
from studio_pipeline.subject.zones import zone_fractions

__all__ = [
    "Reading",
    "count_faces",
    "count_people",
    "count_sure_people",
    "nobody_here",
    "read_subject",
    "repaint",
    "somebody_here",
    "zone_fractions",
]

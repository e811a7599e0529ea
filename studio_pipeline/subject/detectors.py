"""The one module that knows mediapipe: pictures in, faces, landmarks and person maps out.

Everything above sees only these classes, so that another detector can replace this one. Pictures are sRGB
``(h, w, 3)`` uint8 with three colours; places are in pixels of the picture that was given.
"""

from __future__ import annotations

import logging
import math
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Point, Roi

log = logging.getLogger(__name__)

Picture = NDArray[np.uint8]
Probability = NDArray[np.float32]
"""``(h, w)`` float32, 0..1: how surely a pixel is part of a person."""

# Point numbers of mediapipe's canonical face model.
_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148,
         176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
_FEATURES = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),  # right eye
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),  # left eye
    (70, 63, 105, 66, 107, 55, 65, 52, 53, 46),  # right brow
    (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),  # left brow
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185),  # lips
    (48, 64, 98, 97, 2, 326, 327, 294, 278, 354, 19, 125),  # wings of the nose and nostrils
)

_CHIN = _OVAL.index(152)

_SHOULDERS = (11, 12)  # of mediapipe's body model

# Below this a detector is guessing; what is said above it is weighed by ``faces``.
_MIN_SCORE = 0.4
_STDERR = 2


@dataclass(frozen=True, slots=True)
class FoundFace:
    """One detector's word: brows to chin, and how sure it is (0..1).

    ``roll``: degrees, counter-clockwise, that the line between the eyes is turned from level.
    """

    roi: Roi
    score: float
    source: str
    roll: float = 0.0


@dataclass(frozen=True, eq=False)
class FacePoints:
    """Outlines on a face, each ``(n, 2)`` float32 of y, x: the ``oval`` from hairline to chin, and the
    ``features`` (eyes, brows, lips, nose base) as point sets whose convex hulls cover them.
    """

    oval: NDArray[np.float32]
    features: tuple[NDArray[np.float32], ...]

    @property
    def eyes(self) -> NDArray[np.float32]:
        """The middle of each, ``(2, 2)`` of y, x, the left one in the picture first."""
        return _left_first(np.array([eye.mean(axis=0) for eye in self.features[:2]], np.float32))

    @property
    def chin(self) -> NDArray[np.float32]:
        return np.asarray(self.oval[_CHIN], np.float32)


@dataclass(frozen=True, eq=False)
class Figure:
    """One body: its person map, and the shoulders that are surely in view."""

    person: Probability
    shoulders: tuple[Point, ...]


class Detectors:
    """Mediapipe's solutions, built once. Calls are serialised: the solutions are not thread-safe.

    Each solution runs in its still-picture mode and keeps nothing between calls, so the same picture gives
    the same answer in any order.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        with _quiet():
            from mediapipe.python.solutions import face_detection, face_mesh, hands, pose, selfie_segmentation

            self._faces = {
                "short-range": face_detection.FaceDetection(_MIN_SCORE, model_selection=0),
                "full-range": face_detection.FaceDetection(_MIN_SCORE, model_selection=1),
            }
            self._person = {
                "general": selfie_segmentation.SelfieSegmentation(model_selection=0),
                "landscape": selfie_segmentation.SelfieSegmentation(model_selection=1),
            }
            self._mesh = face_mesh.FaceMesh(
                static_image_mode=True, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.3
            )
            self._hands = hands.Hands(static_image_mode=True, max_num_hands=4, min_detection_confidence=0.4)
            # Complexity 1 is the only one whose weights are in the wheel.
            self._pose = pose.Pose(
                static_image_mode=True,
                model_complexity=1,
                smooth_landmarks=False,
                enable_segmentation=True,
                smooth_segmentation=False,
                min_detection_confidence=0.5,
            )
            # These write to stderr once more, at their first find.
            self._unheard = {id(self._mesh), id(self._hands), id(self._pose)}
            blank = np.full((256, 256, 3), 128, np.uint8)
            for solution in (
                *self._faces.values(),
                *self._person.values(),
                self._mesh,
                self._hands,
                self._pose,
            ):
                solution.process(blank)  # they load, and log, at their first picture

    def faces(self, picture: Picture) -> list[FoundFace]:
        """Every face of both models, each under its model's name; nothing is merged here."""
        height, width = picture.shape[:2]
        found = []
        for source, solution in self._faces.items():
            for detection in self._run(solution, picture).detections or ():
                box = detection.location_data.relative_bounding_box
                y0, x0 = box.ymin * height, box.xmin * width
                y1, x1 = y0 + box.height * height, x0 + box.width * width
                roi = Roi(round(y0), round(x0), round(y1), round(x1))
                right, left = detection.location_data.relative_keypoints[:2]  # the eyes
                roll = math.degrees(math.atan2((right.y - left.y) * height, (left.x - right.x) * width))
                if not roi.empty:
                    found.append(FoundFace(roi, float(detection.score[0]), source, roll))
        return found

    def eyes(self, picture: Picture) -> NDArray[np.float32] | None:
        """Where the surest face of a crop has its eyes, ``(2, 2)`` of y, x, the left one first; coarser than
        ``face_points``, which finds fewer faces.
        """
        height, width = picture.shape[:2]
        found = [
            detection
            for solution in self._faces.values()
            for detection in self._run(solution, picture).detections or ()
        ]
        if not found:
            return None
        surest = max(found, key=lambda detection: float(detection.score[0]))
        points = surest.location_data.relative_keypoints[:2]  # the right eye and the left one
        return _left_first(np.array([(p.y * height, p.x * width) for p in points], np.float32))

    def person(self, picture: Picture) -> dict[str, Probability]:
        """Person maps, one a model: trained for a person at arm's length, so best on a crop around one."""
        return {
            source: np.asarray(self._run(solution, picture).segmentation_mask, np.float32)
            for source, solution in self._person.items()
        }

    def figure(self, picture: Picture) -> Figure | None:
        """The most prominent body and its map, or None."""
        found = self._run(self._pose, picture)
        if found.pose_landmarks is None or found.segmentation_mask is None:
            return None
        self._unheard.discard(id(self._pose))
        height, width = picture.shape[:2]
        shoulders = (found.pose_landmarks.landmark[i] for i in _SHOULDERS)
        seen = tuple(Point(int(p.y * height), int(p.x * width)) for p in shoulders if p.visibility > 0.8)
        return Figure(np.asarray(found.segmentation_mask, np.float32), seen)

    def face_points(self, picture: Picture) -> FacePoints | None:
        """The outlines of the most prominent face of a crop, or None."""
        found = self._run(self._mesh, picture).multi_face_landmarks
        if not found:
            return None
        self._unheard.discard(id(self._mesh))
        points = _points(found[0].landmark, picture)
        return FacePoints(points[list(_OVAL)], tuple(points[list(feature)] for feature in _FEATURES))

    def hands(self, picture: Picture) -> list[NDArray[np.float32]]:
        """Up to four hands, each ``(21, 2)`` float32 of y, x in pixels."""
        found = self._run(self._hands, picture).multi_hand_landmarks or ()
        if found:
            self._unheard.discard(id(self._hands))
        return [_points(hand.landmark, picture) for hand in found]

    def _run(self, solution: Any, picture: Picture) -> Any:
        with self._lock, _quiet() if id(solution) in self._unheard else nullcontext():
            return solution.process(np.ascontiguousarray(picture))


@cache
def shared() -> Detectors:
    """This process's detectors, built at the first call (about 2 s, most of it the import)."""
    return Detectors()


def _points(landmarks: Any, picture: Picture) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    return np.array([(p.y * height, p.x * width) for p in landmarks], np.float32)


def _left_first(eyes: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(eyes[np.argsort(eyes[:, 1], kind="stable")], np.float32)


@contextmanager
def _quiet() -> Iterator[None]:
    """Send what C++ code writes to standard error to our log instead, for a moment."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    try:
        kept = os.dup(_STDERR)
    except OSError:  # no console (a Windows service): nothing to keep quiet
        yield
        return
    with tempfile.TemporaryFile() as captured:
        try:
            os.dup2(captured.fileno(), _STDERR)
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
            captured.seek(0)
            for line in captured.read().decode("utf-8", "replace").splitlines():
                log.debug("mediapipe: %s", line)

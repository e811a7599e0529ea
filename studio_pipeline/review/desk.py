"""What the page asks of the pipeline; `studio_pipeline.pipeline.desk.Desk` answers while a session runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from studio_pipeline.records.consent import Allowed
from studio_pipeline.records.hand import Wish
from studio_pipeline.records.proposal import Choice

Layer = Literal["before", "after", "mask"]

Json = dict[str, Any]


class Desk(Protocol):
    """Every method is called from threads of the server's pool, several at a time.

    A method that takes a capture's id raises ``KeyError(id)`` when there is no such capture, and
    ``errors.Refused`` when what is asked cannot be done; the text of the latter is shown to the person.
    A choice says which edits are on, and which of their items are off. Polygons are in master pixels,
    ``[y, x]`` per corner.
    """

    def status(self) -> Json: ...

    def capture(self, capture_id: str, /) -> Json: ...

    def shown(self, capture_id: str, choice: Choice, /) -> Json: ...

    def preview(self, capture_id: str, long_edge: int, /) -> bytes:
        """An sRGB JPEG whose longer side is at most ``long_edge`` pixels."""
        ...

    def small(self, capture_id: str, choice: Choice, long_edge: int, /) -> bytes:
        """What these switches show, whole: an sRGB JPEG whose longer side is at most ``long_edge`` pixels."""
        ...

    def tile(self, capture_id: str, layer: Layer, choice: Choice, level: int, col: int, row: int, /) -> bytes:
        """One deep-zoom tile of at most 512 × 512 pixels, no overlap, on the canvas of these switches.

        The level ``ceil(log2(longer side))`` is 100%; each level below halves it. JPEG; the mask is a PNG
        with alpha.
        """
        ...

    def approve(self, capture_id: str, shown_hash: str, choice: Choice, user: str, via: str, /) -> Json: ...

    def reject(self, capture_id: str, user: str, via: str, /) -> Json: ...

    def revoke(self, capture_id: str, user: str, via: str, /) -> Json: ...

    def pick(self, capture_id: str, picked: bool, /) -> Json: ...

    def mark_reference(self, capture_id: str, reference: bool, user: str, /) -> Json: ...

    def repaint(self, capture_id: str, polygons: list[list[list[float]]], user: str, /) -> object: ...

    def hand(self, capture_id: str, edit: str, wish: Wish, choice: Choice, user: str, /) -> Json:
        """Plan one edit anew as a person asks; ``choice`` is what they had on the screen."""
        ...

    def nobody_here(self, capture_id: str, user: str, /) -> object: ...

    def somebody_here(self, capture_id: str, user: str, /) -> object: ...

    def name_people(self, capture_id: str, people: list[str], /) -> Json: ...

    def say_consent(self, subject: str, allowed: Allowed, user: str, /) -> Json:
        """What may be proposed of a person, "" of anybody in the session."""
        ...

    def health(self) -> Json: ...

    def changes(self, since: int, timeout_s: float, /) -> tuple[int, Sequence[str]]:
        """The newest revision and the captures that changed after ``since``.

        Waits for a change, at most ``timeout_s``.
        """
        ...

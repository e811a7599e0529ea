"""Rating and label from an XMP sidecar (ISO 16684-1); everything else in it is its owner's business."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from xml.etree import ElementTree

log = logging.getLogger(__name__)
_XMP = "{http://ns.adobe.com/xap/1.0/}"
_LARGEST_BYTES = 4 << 20


@dataclass(frozen=True)
class Marks:
    """``rating``: -1 (rejected) to 5, or None. ``label``: as written by the program that set it."""

    rating: int | None = None
    label: str | None = None


def read_marks(path: bytes) -> Marks:
    """The marks in a sidecar; none where it cannot be read, for a sidecar never stops a frame."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib does not carry bytes
            data = file.read(_LARGEST_BYTES + 1)
        # Entities are how XML files eat memory; XMP has no use for a document type. The zeros are UTF-16's.
        plain = data.replace(b"\0", b"")
        if len(data) > _LARGEST_BYTES or b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
            return Marks()
        root = ElementTree.fromstring(data)
    except (OSError, ElementTree.ParseError, ValueError, LookupError) as error:  # or an unknown encoding
        log.info("no marks read from %r: %s", path, error)
        return Marks()
    rating, label = _value(root, "Rating"), _value(root, "Label")
    try:
        return Marks(max(-1, min(5, round(float(rating)))) if rating else None, label)
    except (ValueError, OverflowError):
        return Marks(None, label)


def _value(root: ElementTree.Element, name: str) -> str | None:
    """XMP properties stand as attributes or as elements."""
    for element in root.iter():
        if (attribute := element.get(_XMP + name)) is not None:
            return attribute.strip() or None
        if element.tag == _XMP + name and element.text:
            return element.text.strip() or None
    return None

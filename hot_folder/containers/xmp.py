"""XMP sidecars: well-formed XML with an RDF or xmpmeta root (ISO 16684-1)."""

from __future__ import annotations

from typing import Final
from xml.parsers import expat

from hot_folder.containers.base import WHOLE, Source, Verdict, Wholeness, short, unknown

_MAX_BYTES: Final = 32 << 20
_ROOTS: Final = frozenset({"xmpmeta", "xapmeta", "RDF"})


def check(source: Source) -> Verdict:
    if source.size > _MAX_BYTES:
        return unknown("it is too long to be read as a sidecar")
    roots: list[str] = []
    parser = expat.ParserCreate()

    def note_root(name: str, _attributes: dict[str, str]) -> None:
        roots.append(name.rpartition(":")[2])
        parser.StartElementHandler = None

    parser.StartElementHandler = note_root
    try:
        parser.Parse(source.at(0, source.size), True)
    except expat.ExpatError as error:
        return short(f"its XML is not complete ({expat.ErrorString(error.code)})")
    if roots and roots[0] not in _ROOTS:
        return Verdict(Wholeness.NOT_AS_NAMED, f"its name says XMP, but what is inside is <{roots[0]}>")
    return WHOLE

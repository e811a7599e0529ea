"""Is a file as long as its own container says? Headers and tails only; no pixel is decoded.

Adding a container: one file with `check(source) -> Verdict`, its first bytes in `_MAGICS`, a line in
`_CHECKS`.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import BinaryIO, Final

from hot_folder.containers import isobmff, jpeg, raf, tiff, xmp
from hot_folder.containers.base import PastEnd, Source, Verdict, Wholeness, unknown
from hot_folder.names import ending_of, role_of
from hot_folder.records import Role

__all__ = ["Verdict", "Wholeness", "inspect"]

_ZERO_DATA_BYTES: Final = 64
_ZERO_TAIL_BYTES: Final = 1 << 16  # more than cameras pad their files with

# (offset, first bytes, kind). Olympus and Panasonic use TIFF with another magic number.
_MAGICS: Final[tuple[tuple[int, bytes, str], ...]] = (
    *(
        (0, magic, "TIFF")
        for magic in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"IIU\0", b"IIRO", b"IIRS", b"MMOR")
    ),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"FUJIFILMCCD-RAW", "RAF"),
    (4, b"ftyp", "ISO-BMFF"),
    (6, b"HEAPCCDR", "CIFF"),
    (0, b"\0MRM", "MRW"),
    (0, b"FOVb", "X3F"),
    (0, b"\x89PNG", "PNG"),
    (0, b"8BPS", "PSD"),
    (0, b"PK\x03\x04", "ZIP"),
    (0, b"%PDF", "PDF"),
    (0, b"<", "XML"),
    (0, b"\xef\xbb\xbf<", "XML"),
)

_CHECKS: Final[dict[str, Callable[[Source], Verdict]]] = {
    "TIFF": tiff.check,
    "JPEG": jpeg.check,
    "RAF": raf.check,
    "ISO-BMFF": isobmff.check,
    "XML": xmp.check,
}

# RAW endings whose container is not TIFF, and those of which several exist or none is documented.
_RAW_KINDS: Final = {
    b"cr3": {"ISO-BMFF"},
    b"raf": {"RAF"},
    b"crw": {"CIFF"},
    b"mrw": {"MRW"},
    b"x3f": {"X3F"},
}
_RAW_OF_ANY_KIND: Final = frozenset(b"raw bay mdc k25 kdc dcr mos ptx".split())


def inspect(file: BinaryIO, size: int, name: bytes) -> Verdict:
    """Judge the `size` bytes of a seekable file that goes by `name`.

    WHOLE: every byte its container names is there. UNKNOWN: nothing speaks against it, and nothing proves it.
    RESERVED: only zeros at its end speak against it.
    Raises OSError when the disk does.
    """
    if size == 0:
        return Verdict(Wholeness.EMPTY, "it is empty")
    source = Source(file, size)
    head = source.at(0, min(64, size))
    kind = _kind_of(head)
    if kind is None and _may_become_known(head):
        return Verdict(Wholeness.SHORT, "its beginning is not written yet")
    if not _fits(kind, name, head):
        found = kind or ("text" if _is_text(head) else "something else")
        return Verdict(
            Wholeness.NOT_AS_NAMED, f"its name says {_spoken(name)}, but what is inside is {found}"
        )
    try:
        verdict = _CHECKS.get(kind or "", _no_length)(source)
    except PastEnd as past:
        return past.verdict
    if _is_reserved(source, verdict, kind):
        return Verdict(Wholeness.RESERVED, "its end is all zeros: it may be reserved and not yet filled")
    return verdict


def _no_length(_: Source) -> Verdict:
    return unknown("its container has no length to check")


def _kind_of(head: bytes) -> str | None:
    for offset, magic, kind in _MAGICS:
        if head[offset : offset + len(magic)] == magic:
            return kind
    return None


def _may_become_known(head: bytes) -> bool:
    """Whether so little is written, or so much is still zeros, that a known beginning can follow."""
    written = head.rstrip(b"\0")
    if any(offset == 0 and magic.startswith(written) for offset, magic, _ in _MAGICS):
        return True
    return written.startswith(b"\0\0") and b"ftyp".startswith(written[4:])  # the length of a first box


def _fits(kind: str | None, name: bytes, head: bytes) -> bool:
    role, ending = role_of(name), ending_of(name)
    if role is Role.RAW:
        if ending in _RAW_OF_ANY_KIND:
            return kind not in ("JPEG", "XML", "PNG", "PDF", "PSD", "ZIP") and not (
                kind is None and _is_text(head)
            )
        return kind in _RAW_KINDS.get(ending, {"TIFF"})
    return kind == {Role.TIFF: "TIFF", Role.JPEG: "JPEG", Role.SIDECAR: "XML"}.get(role, kind)


def _is_text(head: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\t\r\n" for character in text)


def _spoken(name: bytes) -> str:
    return "XMP" if role_of(name) is Role.SIDECAR else ending_of(name).decode("ascii", "replace").upper()


def _is_reserved(source: Source, verdict: Verdict, kind: str | None) -> bool:
    if verdict.wholeness not in (Wholeness.WHOLE, Wholeness.UNKNOWN):
        return False
    names_its_end = verdict.wholeness is Wholeness.WHOLE and kind != "JPEG"  # which has a marker there
    if names_its_end and _is_zeros(source, source.named_bytes, _ZERO_DATA_BYTES):
        return True
    return _is_zeros(source, source.size, _ZERO_TAIL_BYTES)


def _is_zeros(source: Source, end: int, count: int) -> bool:
    """Whether the `count` bytes before `end` are all zeros; never of fewer bytes than that."""
    return count <= end and not source.at(end - count, count).strip(b"\0")

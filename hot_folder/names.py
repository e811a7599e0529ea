"""What a name alone tells: role, stem, and whether it is anybody's business. Pure; names are bytes."""

from __future__ import annotations

import re
from typing import Final

from hot_folder.records import Role

RAW_ENDINGS: Final = frozenset(
    b"3fr arw bay cr2 cr3 crw dcr dng erf fff gpr iiq k25 kdc mdc mef mos mrw nef nrw orf pef ptx raf raw "
    b"rw2 rwl sr2 srf srw x3f".split()
)
TIFF_ENDINGS: Final = frozenset({b"tif", b"tiff"})
JPEG_ENDINGS: Final = frozenset({b"jpg", b"jpeg", b"jpe"})
SIDECAR_ENDINGS: Final = frozenset({b"xmp"})

_ROLES: Final = {
    **dict.fromkeys(RAW_ENDINGS, Role.RAW),
    **dict.fromkeys(TIFF_ENDINGS, Role.TIFF),
    **dict.fromkeys(JPEG_ENDINGS, Role.JPEG),
    **dict.fromkeys(SIDECAR_ENDINGS, Role.SIDECAR),
}

_HOST_FOLDERS: Final = frozenset({b"captureone"})
_SYSTEM_FOLDERS: Final = frozenset(
    {
        b"$recycle.bin",
        b"recycler",
        b"system volume information",
        b"__macosx",
        b"network trash folder",
        b"temporary items",
        b"lost+found",
        b"@eadir",
        b"#recycle",
        b"#snapshot",
        b"@recycle",
        b"@recently-snapshot",
    }
)
_IGNORED_FILES: Final = re.compile(
    rb"[.~].*"
    rb"|.*\.(?:part|partial|filepart|tmp|temp|crdownload|download)"
    rb"|tmpfile[0-9a-z]{6}"  # gphoto2, while it downloads
    rb"|(?:eh)?thumbs\.db|desktop\.ini|icon\r",
    re.IGNORECASE | re.DOTALL,
)

# What Capture One, Lightroom, Finder and Explorer put after a name that is taken:
# `IMG_0001 1`, `IMG_0001-2`, `IMG_0001-Edit`, `IMG_0001-Edit-2`, `IMG_0001 copy 2`, `IMG_0001 (1)`.
_REEXPORT: Final = re.compile(
    rb"(?P<base>.+?)(?: \d{1,3}| \(\d{1,3}\)|-\d{1,2}|-Edit(?:-\d{1,2})?| copy(?: \d{1,3})?)", re.DOTALL
)

_EXPORT_FOLDERS: Final = re.compile(
    rb"(?:outputs?|exports?|exported|tiffs?|tifs?|jpe?gs?|finals?|edits?|edited|retouch(?:ed)?|proofs?)\b.*",
    re.DOTALL,
)

_LONGEST_BYTES: Final = 255  # of a name, on every filesystem in use


def ending_of(name: bytes) -> bytes:
    """The ending in lower case without its dot, empty when there is none."""
    stem, dot, ending = name.rpartition(b".")
    return ending.lower() if dot and stem else b""


def role_of(name: bytes) -> Role:
    return _ROLES.get(ending_of(name), Role.OTHER)


def stem_of(name: bytes) -> bytes:
    """The exposure's name: `IMG_0001` for IMG_0001.CR3, IMG_0001.xmp and IMG_0001.CR3.xmp alike."""
    described = described_name(name)
    return _without_ending(name if described is None else described)


def described_name(name: bytes) -> bytes | None:
    """The full file name a sidecar such as IMG_0001.CR3.xmp speaks of, None when it names a stem only."""
    if role_of(name) is not Role.SIDECAR:
        return None
    inner = _without_ending(name)
    return inner if role_of(inner) in (Role.RAW, Role.TIFF, Role.JPEG) else None


def reexport_base_of(name: bytes) -> bytes | None:
    """The stem a numbered re-export was made from (`IMG_0001` for IMG_0001 1.tif), None for other names."""
    if role_of(name) not in (Role.TIFF, Role.JPEG):
        return None
    match = _REEXPORT.fullmatch(_without_ending(name))
    return match["base"] if match else None


def is_ignored_file(name: bytes) -> bool:
    """Hidden, temporary, unfinished or the system's own: not a file that has landed."""
    return _IGNORED_FILES.fullmatch(name) is not None


def is_ignored_folder(name: bytes) -> bool:
    lowered = name.lower()
    return lowered.startswith(b".") or lowered in _HOST_FOLDERS or lowered in _SYSTEM_FOLDERS


def is_export_folder(name: bytes) -> bool:
    """Whether a folder's own name (not its path) says that a converter writes its results there."""
    return _EXPORT_FOLDERS.fullmatch(name.lower()) is not None


def split(path: bytes) -> tuple[bytes, bytes]:
    """(folder, name) of a path with forward slashes, as the journal keeps them."""
    folder, _, name = path.rpartition(b"/")
    return folder, name


def fitted(stem: bytes, tail: bytes) -> bytes:
    """As one name that filesystems take, its stem cut where it has to be, between two characters."""
    cut = stem[: _LONGEST_BYTES - len(tail)]
    if cut == stem:
        return stem + tail
    try:
        stem.decode("utf-8")
    except UnicodeDecodeError:
        return cut + tail
    return cut.decode("utf-8", "ignore").encode("utf-8") + tail


def _without_ending(name: bytes) -> bytes:
    return name[: -len(ending_of(name)) - 1] if ending_of(name) else name

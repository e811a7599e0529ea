"""ASC MHL, the media hash list of the film industry: one generation of hashes, and the chain that seals each.

Written for others to read (`urn:ASC:MHL:v2.0`, valid by its schema): XXH64, sizes, times. What only this
package needs (SHA-256, the file's own path in its session, names that XML cannot hold) stands in the elements
that the schema leaves to every program. Pure: text in, records out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

from hot_folder.records import shown

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MHL: Final = "{urn:ASC:MHL:v2.0}"
_CHAIN: Final = "{urn:ASC:MHL:DIRECTORY:v2.0}"
_OURS: Final = "urn:hot-folder:vault:1"
_C4_DIGITS: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PIECE_BYTES: Final = 1 << 16
_NOT_IN_XML: Final = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]|^\\s|\\s$")


@dataclass(frozen=True, slots=True)
class Maker:
    """Who writes a generation, and for which session. Readers show it; restoring goes by the session."""

    tool: str = "hot_folder"
    version: str = "0"
    host: str = "localhost"
    session_id: str = ""
    session_name: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as it is listed. Paths are relative, with forward slashes."""

    path: bytes
    """In the vault."""
    origin: bytes
    """In the session, where it was seen first."""
    size: int
    mtime_ns: int
    sha256: bytes | None
    """None in a generation that another program wrote."""
    xxh64: bytes | None


@dataclass(frozen=True, slots=True)
class Generation:
    session_id: str
    session_name: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """One line of the chain: a generation, and the C4 id that its file must have."""

    number: int
    name: str
    c4: str


def c4(data: bytes) -> str:
    """The C4 id (SMPTE ST 2114): SHA-512 in base 58, always 90 characters."""
    number, digits = int.from_bytes(hashlib.sha512(data).digest(), "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _C4_DIGITS[digit] + digits
    return "c4" + digits.rjust(88, _C4_DIGITS[0])


def element(entry: Entry, action: str, hashed_at: datetime) -> bytes:
    """The lines of one file in a generation. action: `original` when it is listed for the first time."""
    assert entry.sha256 is not None and entry.xxh64 is not None
    attributes = {"mtime_ns": str(entry.mtime_ns), **_exact("path", entry.path)}
    if entry.origin != entry.path:
        attributes |= {"origin": _readable(entry.origin), **_exact("origin", entry.origin)}
    return (
        f"    <hash>\n"
        f"      <path{_attributes(_size_and_time(entry))}>{_text(_readable(entry.path))}</path>\n"
        f'      <xxh64 action="{action}" hashdate="{_date(hashed_at)}">{entry.xxh64.hex()}</xxh64>\n'
        f"      <metadata>\n"
        f"        <sha256>{entry.sha256.hex()}</sha256>\n"
        f'        <kept xmlns="{_OURS}"{_attributes(attributes)}/>\n'
        f"      </metadata>\n"
        f"    </hash>\n"
    ).encode()


def generation(maker: Maker, created: datetime, ignore: Iterable[str], elements: Iterable[bytes]) -> bytes:
    """A whole hash list; at least one element."""
    patterns = "".join(f"      <pattern>{_text(pattern)}</pattern>\n" for pattern in ignore)
    comment, session = "", {"id": maker.session_id, "name": _clean(maker.session_name)}
    if maker.session_id:
        comment = f"    <comment>session {_text(session['name'])} ({_text(maker.session_id)})</comment>\n"
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<hashlist version="2.0" xmlns="urn:ASC:MHL:v2.0">\n'
        "  <creatorinfo>\n"
        f"    <creationdate>{_date(created)}</creationdate>\n"
        f"    <hostname>{_text(_clean(maker.host))}</hostname>\n"
        f'    <tool version="{_text(maker.version)}">{_text(maker.tool)}</tool>\n'
        f"{comment}"
        "  </creatorinfo>\n"
        "  <processinfo>\n"
        "    <process>transfer</process>\n"
        f"    <ignore>\n{patterns}    </ignore>\n"
        "  </processinfo>\n"
        "  <hashes>\n"
    )
    tail = (
        "  </hashes>\n"
        f'  <metadata>\n    <session xmlns="{_OURS}"{_attributes(session)}/>\n  </metadata>\n'
        "</hashlist>\n"
    )
    return b"".join([head.encode(), *elements, tail.encode()])


def read_generation(data: bytes) -> Generation:
    """What a hash list lists. Raises ValueError when it is none. A path that leads out is passed over."""
    session = {"id": "", "name": ""}
    entries: list[Entry] = []
    for found in _elements(data, f"{_MHL}hashlist"):
        if found.tag == f"{_MHL}hash":
            entry = _entry(found)
            entries += [entry] if entry is not None else []
            found.clear()
        elif found.tag == f"{{{_OURS}}}session":
            session |= found.attrib
    return Generation(session["id"], session["name"], tuple(entries))


def chain(links: Iterable[Link]) -> bytes:
    lines = "".join(
        f'  <hashlist sequencenr="{link.number}">\n'
        f"    <path>{_text(link.name)}</path>\n"
        f"    <c4>{_text(link.c4)}</c4>\n"
        "  </hashlist>\n"
        for link in links
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<ascmhldirectory xmlns="urn:ASC:MHL:DIRECTORY:v2.0">\n{lines}</ascmhldirectory>\n'
    ).encode()


def read_chain(data: bytes) -> list[Link]:
    """The links in their order. Raises ValueError when it is no chain, or names a file outside its folder."""
    links = []
    for found in _elements(data, f"{_CHAIN}ascmhldirectory"):
        if found.tag == f"{_CHAIN}hashlist":
            name = found.findtext(f"{_CHAIN}path", "")
            if "/" in name or not is_plain(os.fsencode(name)):
                raise ValueError(f"{name!r} is no name of a generation")
            number = int(found.get("sequencenr", ""))
            links.append(Link(number, name, found.findtext(f"{_CHAIN}c4", "")))
    return links


def is_plain(path: bytes) -> bool:
    """Whether a listed path stays below the folder it is relative to."""
    parts = path.split(b"/")
    if os.name == "nt" and re.search(rb"[\\:]", path):
        return False
    return b"\0" not in path and not any(part in (b"", b".", b"..") for part in parts)


def _elements(data: bytes, root: str) -> Iterator[Element]:
    """Every element as it ends, a piece of the text at a time."""
    from xml.etree.ElementTree import ParseError, XMLPullParser

    parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
    is_known = False
    try:
        for start in range(0, len(data), _PIECE_BYTES):
            parser.feed(data[start : start + _PIECE_BYTES])
            for event, found in cast("Iterator[tuple[str, Element]]", parser.read_events()):
                if not is_known and found.tag != root:
                    raise ValueError("it is no media hash list")
                is_known = True
                if event == "end":
                    yield found
        parser.close()
    except ParseError as error:
        raise ValueError(f"it is damaged ({error})") from error


def _entry(found: Element) -> Entry | None:
    path, ours = found.find(f"{_MHL}path"), found.find(f"{_MHL}metadata/{{{_OURS}}}kept")
    if path is None:
        return None
    kept: Mapping[str, str] = {} if ours is None else ours.attrib
    try:
        name = _read_exact(kept, "path", path.text or "")
        origin = _read_exact(kept, "origin", kept["origin"]) if "origin" in kept else name
        sha256 = found.findtext(f"{_MHL}metadata/{_MHL}sha256")
        xxh64 = found.findtext(f"{_MHL}xxh64")
        entry = Entry(
            *(name, origin, int(path.get("size", "-1")), int(kept.get("mtime_ns", "0"))),
            bytes.fromhex(sha256) if sha256 else None,
            bytes.fromhex(xxh64) if xxh64 else None,
        )
    except (ValueError, binascii.Error):
        return None
    return entry if is_plain(name) and is_plain(origin) else None


def _exact(key: str, path: bytes) -> dict[str, str]:
    """A path that XML cannot hold as it is, or that a reader might trim, once more in base 64."""
    try:
        if not _NOT_IN_XML.search(path.decode()):
            return {}
    except UnicodeDecodeError:
        pass
    return {f"{key}_b64": base64.b64encode(path).decode()}


def _read_exact(attributes: Mapping[str, str], key: str, readable: str) -> bytes:
    exact = attributes.get(f"{key}_b64")
    return readable.encode() if exact is None else base64.b64decode(exact, validate=True)


def _size_and_time(entry: Entry) -> dict[str, str]:
    try:
        modified = datetime.fromtimestamp(entry.mtime_ns // 10**9, UTC)
    except (OverflowError, ValueError, OSError):
        return {"size": str(entry.size)}
    return {"size": str(entry.size), "lastmodificationdate": _date(modified)}


def _date(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds")


def _attributes(values: Mapping[str, str]) -> str:
    return "".join(f' {key}="{_text(value)}"' for key, value in values.items())


def _text(text: str) -> str:
    for character, escape in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, escape)
    return text


def _readable(path: bytes) -> str:
    return re.sub("[\ufffe\uffff]", "?", shown(path))


def _clean(name: str) -> str:
    """For people, whatever it is."""
    return _readable(os.fsencode(name)).strip() or "-"

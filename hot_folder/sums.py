"""The list of a vault that an earlier release filled, in the form that `sha256sum` writes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Final

from hot_folder.mhl import Entry, is_plain

SUMS: Final = b"SHA256SUMS"
_LINE: Final = re.compile(rb"(\\?)([0-9a-f]{64}) [ *](.+)", re.DOTALL)


def sums(root: bytes) -> Iterator[Entry]:
    """Every whole line; nothing when there is no such list. Neither size nor time is known."""
    try:
        with open(os.path.join(root, SUMS), "rb") as file:
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return
    for line in lines:
        match = _LINE.fullmatch(line)
        if match:
            escaped, digits, name = match.groups()
            if escaped:
                name = re.sub(rb"\\(.)", lambda found: b"\n" if found[1] == b"n" else found[1], name)
            if is_plain(name):
                yield Entry(name, name, -1, 0, bytes.fromhex(digits.decode()), None)

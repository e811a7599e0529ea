"""The session's Ed25519 key: it signs delivery records, so that an edited one is noticed."""

from __future__ import annotations

import os
from pathlib import Path

from studio_pipeline.errors import Refused

_PRIVATE, _PUBLIC = "session.key", "session.pub"


def sign(hidden: Path, message: bytes) -> bytes:
    """64 bytes; the key is made on first use and readable by its owner only."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path = hidden / _PRIVATE
    if not path.exists():
        _make(hidden)
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes()).sign(message)


def signed_by_session(hidden: Path, message: bytes, signature: bytes) -> bool:
    """Whether this session's key signed exactly ``message``. Raises Refused without a public key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes((hidden / _PUBLIC).read_bytes())
    except (OSError, ValueError) as error:
        raise Refused(f"no usable public key in {hidden}; records cannot be checked") from error
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _make(hidden: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    (hidden / _PUBLIC).write_bytes(key.public_key().public_bytes_raw())
    descriptor = os.open(hidden / _PRIVATE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes_raw())
        file.flush()
        os.fsync(file.fileno())

"""The session's Ed25519 key (RFC 8032): it signs delivery records, so that an edited one is noticed."""

from __future__ import annotations

import os
from pathlib import Path

from hot_folder import durable
from studio_pipeline.errors import Refused

_PRIVATE, _PUBLIC = "session.key", "session.pub"


def make(hidden: Path) -> None:
    """Once, at `studio init`: two workers must never each make their own. An existing key is kept."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if (hidden / _PRIVATE).exists():
        return
    key = Ed25519PrivateKey.generate()
    # The private key is written last: it stands only beside the public key that belongs to it.
    _write(hidden / _PUBLIC, key.public_key().public_bytes_raw(), 0o644)
    _write(hidden / _PRIVATE, key.private_bytes_raw(), 0o600)


def sign(hidden: Path, message: bytes) -> bytes:
    """64 bytes. Raises Refused where the session has lost its key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        key = Ed25519PrivateKey.from_private_bytes((hidden / _PRIVATE).read_bytes())
    except (OSError, ValueError) as error:
        raise Refused(
            f"no usable private key in {hidden}; restore {_PRIVATE}, or nothing can be signed"
        ) from error
    return key.sign(message)


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


def _write(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all, readable by those whom ``mode`` says."""
    temp = path.with_name(f".{path.name}.tmp")
    temp.unlink(missing_ok=True)
    descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        durable.sync(file.fileno())
    temp.replace(path)

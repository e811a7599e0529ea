"""What every record shares: frozen, strict about unknown keys, and hashed by its canonical JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen value. Two records are the same thing exactly when their ``digest`` is the same."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")

    def digest(self) -> str:
        return digest(self.model_dump(mode="json"))


def digest(value: Any) -> str:
    """SHA-256 (hex) of a JSON value written canonically: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

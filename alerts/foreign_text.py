"""Text that others wrote, made harmless for a mail: names may hold anything (05-reliability D8 and D9)."""

from __future__ import annotations

import unicodedata

LONGEST_NAME = 100  # letters; what is longer is no name, and a mail is read on a phone
_JOINERS = "\u200c\u200d"  # Persian and Indian names are spelt with them
_UNSEEN = {"Cc", "Cf", "Zl", "Zp", "Cs"}  # controls, bidi marks, line ends, halves of letters


def one_line(text: str, longest: int = LONGEST_NAME) -> str:
    """The text on one line: controls, line ends and marks that turn the writing around gone, blanks collapsed.

    Cut to `longest` letters with "…" at its end. "" where nothing is left that can be seen.
    """
    seen = []
    for letter in text:
        kind = unicodedata.category(letter)
        if letter in _JOINERS or kind not in _UNSEEN:
            seen.append(letter)
        elif kind != "Cf":
            seen.append(" ")
    line = " ".join("".join(seen).split())
    if not line.strip(_JOINERS + " "):
        return ""
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def header_line(text: str, longest: int = 300) -> str:
    """The same for a header, where nothing may be read as an encoded word (RFC 2047)."""
    return one_line(text.replace("=?", "= ?"), longest)

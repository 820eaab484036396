"""Text that others wrote, made harmless: for a mail (05-reliability D8 and D9) and for chat programs.

`one_line` goes over everything first. Neither Teams nor Slack knows a sign that takes another's meaning away, so
`neutralize_markup` replaces what would mean something by what looks the same, or parts it by a mark that nobody sees.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_NAME = 100  # letters; what is longer is no name, and a mail is read on a phone
_JOINERS = "\u200c\u200d"  # Persian and Indian names are spelt with them
_UNSEEN = {"Cc", "Cf", "Zl", "Zp", "Cs"}  # controls, bidi marks, line ends, halves of letters
WORD_JOINER = "\u2060"  # takes no room and breaks no line
_ALIKE = str.maketrans({"*": "\u2217", "~": "\u223c", "`": "\u02cb"})
_EDGE_BAR = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # "_x_" is emphasis, "UK_RT" is not
_MENTION = re.compile(r"(?<![\w.+-])@(?=\w)")
_BRACKETS = re.compile(r"\](?=[(\[])|!(?=\[)|(?<=\{)\{|\$(?=\{)")
_EMOJI = re.compile(r":(?=[\w+'-]+:)")


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


def neutralize_markup(text: str) -> str:
    """The text as it looks, which no chat program takes for more than text."""
    text = _EDGE_BAR.sub("\u02cd", text.translate(_ALIKE))
    text = _BRACKETS.sub(lambda found: found[0] + WORD_JOINER if found[0] != "{" else WORD_JOINER + "{", text)
    text = _EMOJI.sub(":" + WORD_JOINER, text)
    return _MENTION.sub("@" + WORD_JOINER, text)

"""Makes text from users and ERPs harmless: for a mail (05-reliability D8 and D9) and for chat programs.

`one_line` is applied to all of it first. Neither Teams nor Slack has an escape character, so `neutralize_markup`
replaces markup characters by characters that look the same, or separates them by an invisible one.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_NAME = 100  # letters; mails are read on phones
_JOINERS = "\u200c\u200d"  # Persian and Indian names are spelt with them
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Cs"}  # controls, bidi marks, line ends, halves of letters
WORD_JOINER = "\u2060"  # takes no room and breaks no line
_LOOKALIKES = str.maketrans({"*": "\u2217", "~": "\u223c", "`": "\u02cb"})
_EDGE_BAR = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # "_x_" is emphasis, "UK_RT" is not
_MENTION = re.compile(r"(?<![\w.+-])@(?=\w)")
_BRACKETS = re.compile(r"\](?=[(\[])|!(?=\[)|(?<=\{)\{|\$(?=\{)")
_EMOJI = re.compile(r":(?=[\w+'-]+:)")


def one_line(text: str, longest: int = LONGEST_NAME) -> str:
    """The text on one line, without controls, line ends and bidirectional marks, with blanks collapsed.

    Cut to `longest` letters with "…" at its end. "" where nothing visible is left.
    """
    visible = []
    for letter in text:
        category = unicodedata.category(letter)
        if letter in _JOINERS or category not in _INVISIBLE:
            visible.append(letter)
        elif category != "Cf":
            visible.append(" ")
    line = " ".join("".join(visible).split())
    if not line.strip(_JOINERS + " "):
        return ""
    return cut(line, longest)


def cut(text: str, longest: int) -> str:
    """The text, cut to `longest` letters with "…" at its end."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def header_line(text: str, longest: int = 300) -> str:
    """The text on one line for a header, where nothing may read as an encoded word (RFC 2047)."""
    return one_line(text.replace("=?", "= ?"), longest)


def neutralize_markup(text: str) -> str:
    """The text with the same look, which chat programs do not interpret as markup."""
    text = _EDGE_BAR.sub("\u02cd", text.translate(_LOOKALIKES))
    text = _BRACKETS.sub(lambda match: match[0] + WORD_JOINER if match[0] != "{" else WORD_JOINER + "{", text)
    text = _EMOJI.sub(":" + WORD_JOINER, text)
    return _MENTION.sub("@" + WORD_JOINER, text)

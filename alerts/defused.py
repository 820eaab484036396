"""Text that others wrote, made harmless for chat programs: no mention, link, picture or emphasis comes of it.

`one_line` has gone over all of it before. Neither Teams nor Slack knows a sign that takes another's meaning away, so
what would mean something is replaced by what looks the same, or is held apart by a mark that nobody sees.
"""

from __future__ import annotations

import re

APART = "\u2060"  # takes no room and breaks no line
_ALIKE = str.maketrans({"*": "\u2217", "~": "\u223c", "`": "\u02cb"})
_EDGE_BAR = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # "_x_" is emphasis, "UK_RT" is not
_MENTION = re.compile(r"(?<![\w.+-])@(?=\w)")
_BRACKETS = re.compile(r"\](?=[(\[])|!(?=\[)|(?<=\{)\{|\$(?=\{)")
_EMOJI = re.compile(r":(?=[\w+'-]+:)")


def defused(text: str) -> str:
    """The text as it looks, which no chat program takes for more than text."""
    text = _EDGE_BAR.sub("\u02cd", text.translate(_ALIKE))
    text = _BRACKETS.sub(lambda found: found[0] + APART if found[0] != "{" else APART + "{", text)
    text = _EMOJI.sub(":" + APART, text)
    return _MENTION.sub("@" + APART, text)

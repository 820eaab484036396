"""The words that the product no longer says, each with the word that it says instead (docs/glossary.md).

`retired_words_in` finds them in a text that people see, `seen_texts` gives what people see of an answer, and
`literals` the texts in the product's code.
"""

from __future__ import annotations

import ast
import email
import json
import re
from collections.abc import Iterator, Mapping
from email import policy
from html import unescape
from pathlib import Path

# Pattern of what is retired, and what to say instead.
RETIRED: Mapping[str, str] = {
    r"(?<!period is )not known\b": "unknown",
    r"no data\b": "never read, or unknown",
    r"not confirmed|cannot be confirmed|no longer confirmed|confirmed again": "not read since, or never read",
    r"\bunconfirmed\b": "as last read, or by its last known state",
    r"(?<![-\w])stale(?![-\w])": "not read since, not read, or too old",
    r"\bnot brought\b|brings? no reading|\bno reading\b": "cannot be read, or not read",
    r"without a deadline|deadlines? (is |are )?not set\b|>not set<": "no deadline set",
    r"(past|over) (the|its|their) (alert )?(\d+-(working-)?day )?line\b": "alerting, or more than 5 days late",
    r"\bon watch\b|late, on": "watch",
    r"\bon time\?": "perhaps on time",
    r"\d date unknown": "closed, date unknown",
    r"\bleft out\b": "how many could be judged",
    r"\b(its|their) people\b": "the owner, or the entity",
    r"it can be undone|cannot undo": "can be reopened, cannot be reopened",
    r"(open|on hold|closed): (posting allowed|permanently closed)\b(?! only)": "nothing, or what is in the way",
    r"turns? us away|refuses? us\b|does not (want|take) our posts": "access refused, or refused the post",
    r"\backnowledge": "take over",
    r"look after it": "take over",
    r"keep (it so|these rules|the (date|reason|note|deputy))\b|>(leave|add|silence) it<": "save, cancel",
    r"\b(it|note|reason|date|acknowledged|rules of [^.]*) (is|are) kept\b|nothing was kept": "saved",
    r"\bas above\b|\bthe usual\b|>usual<|>locked<": "default, inherited from, required",
    r"nobody here is called": "no entity or owner matches",
    r"read (not )?to be\b": "confirmed by the ERP, or still open in the ERP",
    r"not needed any more": "not sent",
    r"\b(is|are|be) told\b|\btold (of|already|anew|how|in)\b|before it was told": "notified, sent, reported",
    r"\bwhoever\b": "a subject: the operator, the recipient",
    r"seen between (?P<at>\d\d:\d\d) and (?P=at)(?!\d)": "seen at",
    r"\bso: (open|on hold|closed|unknown|not started)\b": "Open, because",
    r"(?<![\w.,:/+-])(?<!of )\d+ due\b(?! (in|on|by|today|soon|within))": "WD6",
    r"all is as it says|read anew\b": "checked against the history",
    r"page was open too long": "your session has ended",
    r"(?<![\d.,:/-])1 (entities|messages|notices|days|months|periods|connections|posts)\b": "a noun that agrees",
    r"(?<![\d.,:/-])(?!1\b)\d+ (entity|message|notice|day|connection|post)\b(?! (line|by day))": "a noun that agrees",
}
_PATTERNS = {re.compile(pattern, re.IGNORECASE): instead for pattern, instead in RETIRED.items()}
# Addresses, and the values of an address that a message lists.
_NO_WORDS = re.compile(r"https?://[^\s<>|]+|; there are [a-z_, ]+\.")
_SILENT = re.compile(r"<(script|style)\b.*?</\1>|<!--.*?-->", re.DOTALL)
_TAG = re.compile(r"<[a-zA-Z/!][^>]*>")
_READ_ALOUD = re.compile(r"\b(?:title|aria-label|alt|placeholder)=\"([^\"]*)\"")  # what people read or hear


def retired_words_in(text: str) -> list[str]:
    """Each retired word with its surroundings and what to say instead; addresses and lists of parameters aside."""
    text = _NO_WORDS.sub(" ", text)
    return [
        f"{text[max(0, found.start() - 40) : found.end() + 40]!r}: say {instead}"
        for pattern, instead in _PATTERNS.items()
        for found in pattern.finditer(text)
    ]


def seen_in_html(markup: str) -> list[str]:
    """The texts that a page shows, speaks or explains, each as `>text<`."""
    shown = _SILENT.sub(" ", markup)
    texts = [*_TAG.split(shown), *_READ_ALOUD.findall(shown)]
    return [f">{' '.join(unescape(text).split())}<" for text in texts if text.strip()]


def seen_texts(kind: str, content: bytes) -> list[str]:
    """What people see of a recorded answer, piece by piece; `kind` is its status and type."""
    if "message/rfc822" in kind:
        parts = email.message_from_bytes(content, policy=policy.default).walk()
        mail = email.message_from_bytes(content, policy=policy.default)
        bodies = [part.get_content() for part in parts if not part.is_multipart()]
        return [str(mail["Subject"]), *(text for body in bodies for text in seen_in_html(body))]
    text = content.decode(errors="replace")
    if kind.startswith("post "):
        return list(_texts(json.loads(text)))
    head, _, body = text.partition("\n\n")
    told = [line for line in head.splitlines() if line.startswith("Message: ")]
    if "html" in kind or "event-stream" in kind:
        return [*told, *seen_in_html(body)]
    if "csv" in kind:
        return [*told, *body.splitlines()[1:]]  # the first line holds names for programs
    return [*told, *body.splitlines()] if "sheet" in kind else told


def _texts(value: object) -> Iterator[str]:
    """The sentences of a post: its texts of more than one word."""
    match value:
        case str() if " " in value:
            yield value
        case list():
            for each in value:
                yield from _texts(each)
        case dict():
            for each in value.values():
                yield from _texts(each)


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """The string literals of a module with their lines, docstrings aside; of an f-string its fixed text."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            fixed = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
            yield node.lineno, "".join(map(str, fixed))
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
            and id(node) not in parts
        ):
            yield node.lineno, node.value

"""No template, script or text of the code says a retired word; `RecordedResponses` looks at what is rendered."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from alerts.reason_words import REASON_WORDS
from tests.guards.retired_words import RETIRED, literals, retired_words_in, seen_in_html

ROOT = Path(__file__).parents[2]
PRODUCT = (
    "alerts",
    "board",
    "closeboard",
    "closing",
    "connectors",
    "entities",
    "infra",
    "periods",
    "worklist",
)
# Texts of the code that stay as they are, each with its reason.
EXCEPTIONS = {
    **dict.fromkeys(REASON_WORDS, "rows store it as a key; alerts.reason_words shows other words"),
    "on hold: nobody can post, and it can be undone": "rows of old versions store it; because_today replaces it",
    "Not needed any more": "the label of a stored state; pages and commands say that it was not sent",
    "ok stale": "class names",
}
_KEY = re.compile(r"[a-z_]+")  # a name for programs: a column, a class, a parameter
_SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|WHERE)\b")


@cache
def _product_texts() -> list[tuple[str, str]]:
    found = []
    for folder in PRODUCT:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                where = path.relative_to(ROOT).as_posix()
                found += [(f"{where}:{line}", text) for line, text in literals(path)]
    return found


def test_no_text_of_the_code_is_retired() -> None:
    found = [
        f"{where} {each}"
        for where, text in _product_texts()
        if text not in EXCEPTIONS and not _KEY.fullmatch(text) and not _SQL.search(text)
        for each in retired_words_in(text)
    ]
    assert not found, "\n".join(found)


def test_every_exception_is_needed() -> None:
    texts = {text for _, text in _product_texts()}
    assert [text for text in EXCEPTIONS if text not in texts] == []


def test_no_template_and_no_script_says_a_retired_word() -> None:
    found = []
    for path in sorted((ROOT / "templates").rglob("*.html")):
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", path.read_text(encoding="utf-8"), flags=re.S)
        found += [
            f"{path.relative_to(ROOT)} {each}"
            for piece in seen_in_html(text)
            for each in retired_words_in(piece)
        ]
    for path in sorted((ROOT / "static").rglob("*.js")):
        texts = re.findall(r"\"[^\"\n]*\"|`[^`]*`|'[^'\n]*'", path.read_text(encoding="utf-8"))
        found += [
            f"{path.relative_to(ROOT)} {each}"
            for text in texts
            if not _KEY.fullmatch(text[1:-1])
            for each in retired_words_in(text)
        ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "Not known: 3 of 12 cannot be confirmed",
        "2 of 12 not confirmed",
        "over the 5-day line since Mon 15 Jun",
        "3 entities past the 5-day line",
        "left out: 1 perhaps on time, 24 not known",
        "seen between 19:52 and 19:52",
        "Say that I look after it",
        "1 entities",
        "12 entity",
        "6 due",
        "So: Open. Rule F&O-1",
    ],
)
def test_what_was_said_before_is_found(text: str) -> None:
    assert retired_words_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "Closed, date unknown",
        "seen between 19:45 and 19:52",
        "2 of 12 not read",
        "WD6 due",
        "2 of 4 due",
        "posting allowed only from 1 June 2026",
        "11 entities",
        "nobody has been told about 1 of them yet",
        "WD6, 6th working day",
    ],
)
def test_what_is_said_now_is_not_found(text: str) -> None:
    assert retired_words_in(text) == []


def test_each_retired_word_has_a_word_in_its_place() -> None:
    assert all(RETIRED.values())

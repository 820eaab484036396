"""Extracts the contents of the calendar from its page."""

from __future__ import annotations

import re

from django.test import Client

from tests.board.reports.matrix_html import text_of


def page(client: Client, query: str = "") -> str:
    answer = client.get(f"/calendar/{query}")
    assert answer.status_code == 200
    return text_of(answer)


def days(text: str, code: str) -> list[tuple[set[str], str, str]]:
    """The days of an entity: class names, drawn text, and full text where there is any."""
    found = re.search(rf'<tr id="row-{code}".*?</tr>', text, re.S)
    assert found is not None, f"{code} has no row"
    drawn = []
    for looks, inside in re.findall(r'<td class="day ([^"]*)"[^>]*>(.*?)</td>', found[0], re.S):
        icon = re.search(r"#icon-(\w+)", inside)
        letters = re.search(r'<span aria-hidden="true">([^<]*)</span>', inside)
        words = re.search(r'<span class="unseen">([^<]*)</span>', inside)
        mark = " ".join(filter(None, (icon and icon[1], letters and letters[1])))
        drawn.append((set(looks.split()), mark, words[1] if words else ""))
    return drawn


def heads(text: str) -> list[str]:
    """The days above the table, in full."""
    above = re.search(r"<thead>.*?</thead>", text, re.S)
    assert above is not None
    return re.findall(r'<span class="unseen">([^<]*)</span>', above[0])


def entities(text: str) -> list[str]:
    return re.findall(r'<tr id="row-([A-Z0-9]+)"', text)


def ahead(text: str) -> list[str]:
    """The upcoming deadlines and the overdue entities, as plain text."""
    part = re.search(r'<section class="deadlines".*?</section>', text, re.S)
    assert part is not None
    plain = [re.sub(r"<[^>]+>", " ", each) for each in re.findall(r"<li.*?</li>", part[0], re.S)]
    return [" ".join(each.split()) for each in plain]

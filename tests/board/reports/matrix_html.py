"""Extracts the contents of the matrix from its page."""

from __future__ import annotations

import re
from html import unescape
from typing import cast

from django.test import Client


def text_of(answer: object) -> str:
    content = cast("bytes", answer.content)  # type: ignore[attr-defined]
    return unescape(content.decode()).replace("\u00a0", " ")


def page(client: Client, query: str = "") -> str:
    answer = client.get(f"/matrix/{query}")
    assert answer.status_code == 200
    return text_of(answer)


def cells(text: str, code: str) -> list[tuple[str, str]]:
    """The cells of an entity: class names and full text; two empty texts where it did not close."""
    found = re.search(rf'<tr id="row-{code}".*?</tr>', text, re.S)
    assert found is not None, f"{code} has no row"
    return [
        (each[1] or "", each[2] or "")
        for each in re.finditer(
            r'<td[^>]*>(?:<a class="cell ([^"]*)" href="[^"]*" title="([^"]*)"|<span class="unseen">not active)',
            found[0],
        )
    ]


def entities(text: str) -> list[str]:
    return re.findall(r'<tr id="row-([A-Z0-9]+)"', text)


def fractions(text: str, key: str) -> list[str]:
    found = re.search(rf'id="part-{key}".*?</tr>', text, re.S)
    assert found is not None
    return re.findall(r'<span class="share[^"]*" aria-hidden="true">([^<]*)</span>', found[0])

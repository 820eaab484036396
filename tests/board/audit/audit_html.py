"""Reads the page of the audit log: its heading, its events, and its links to other pages."""

from __future__ import annotations

import re
from html import unescape

from django.test import Client

from infra.audit.recording import AuditedObject

PATH = "/audit/"


def page(client: Client, query: str = "") -> str:
    answer = client.get(PATH + query)
    assert answer.status_code == 200, answer.content.decode()
    return unescape(answer.content.decode())


def objects(text: str) -> list[str]:
    """The objects of the events, from the top of the page."""
    return re.findall(r'class="event-object"><(?:a href="[^"]+"|b)>([^<]+)<', text)


def heading(text: str) -> str:
    found = re.search(r'id="count">([^<]+?)\s*<', text)
    assert found is not None
    return found[1]


def link(text: str, name: str) -> str:
    """The query of the link to another page; "" if there is none."""
    found = re.search(rf'href="/audit/(\?[^"]+)" rel="\w+">{name}<', text)
    return found[1] if found else ""


def numbered(count: int) -> list[AuditedObject]:
    return [AuditedObject("view", str(number), f"n{number}") for number in range(count)]


def walk(client: Client, name: str, query: str) -> list[list[str]]:
    """The objects of each page, from one page on by one of its links."""
    pages = []
    while query:
        text = page(client, query)
        pages.append(objects(text))
        query = link(text, name)
    return pages

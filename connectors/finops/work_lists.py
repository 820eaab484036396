"""The lists of one attempt to read unfinished work: what the environment publishes, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from closing.blockers.blocker_facts import Doubt
from connectors.odata.lists import ODataClient, odata_query, or_filter
from infra.outbound.errors import AccessRefused, AnswerMisread

ENUMS = "Microsoft.Dynamics.DataEntities"
CHAIN = 25  # terms of one `or` chain (08-blockers-and-tasks 5)
WITH_LINES = 200  # journals of a page that come with their lines, about 20 kB each
_AT_ONCE = 4
_UNREAD = {403: Doubt.REFUSED, 404: Doubt.NOT_PUBLISHED, 410: Doubt.NOT_PUBLISHED}


class SetUnread(Exception):
    """A set is not published, or refused; `doubt` says which."""

    def __init__(self, doubt: Doubt) -> None:
        super().__init__(doubt.value)
        self.doubt = doubt


class ExpandRefused(Exception):
    """The environment does not serve the lines of a list together with it, or not in a bearable size."""


class WorkLists:
    """The entity sets of one environment. Reading raises SetUnread, AnswerMisread or ServerUnavailable.

    Once $expand was refused it is not asked for again in this attempt.
    """

    def __init__(self, client: ODataClient) -> None:
        self._client = client
        self._data = f"{client.base}/data/"
        self._expands = True
        document = client.get(self._data).document
        sets = document.get("value") if isinstance(document, dict) else None
        if not isinstance(sets, list):
            raise AnswerMisread("The service document of Finance & Operations holds no list of entity sets.")
        self.published = frozenset(
            item["name"] for item in sets if isinstance(item, dict) and isinstance(item.get("name"), str)
        )

    def pages(self, name: str, size: int = 0, /, **options: str) -> Iterator[list[Any]]:
        """The rows of each page of a set, of all companies; `size` is the most rows of a page."""
        if name not in self.published:
            raise SetUnread(Doubt.NOT_PUBLISHED)
        url = self._data + name + odata_query(cross_company="true", **options, count="true")
        try:
            yield from self._client.pages(url, big=True, may_lack_all=False, size=size)
        except AccessRefused as error:
            if error.status not in _UNREAD:
                raise
            raise SetUnread(_UNREAD[error.status]) from None

    def rows(self, name: str, **options: str) -> list[Any]:
        """The rows of a set, of all companies."""
        return [row for page in self.pages(name, **options) for row in page]

    def expanded(self, name: str, navigation: str, size: int = 0, /, **options: str) -> Iterator[list[Any]]:
        """The pages of a set, each row with what a navigation leads to; raises also ExpandRefused."""
        if not self._expands:
            raise ExpandRefused
        try:
            yield from self.pages(name, size, **options, expand=navigation)
        except AnswerMisread as error:
            if error.status in {400, 501}:
                self._expands = False
            elif error.status is not None:
                raise
            raise ExpandRefused from None

    def chained(self, name: str, key: str, values: Iterable[str], **options: str) -> Iterator[list[Any]]:
        """The pages of a set whose key is one of the values, 25 of them in each request, a few at once."""
        every = sorted(set(values))
        chains = [or_filter(key, every[start : start + CHAIN]) for start in range(0, len(every), CHAIN)]
        pool = ThreadPoolExecutor(max_workers=_AT_ONCE)
        try:
            for pages in pool.map(lambda chain: list(self.pages(name, **options, filter=chain)), chains):
                yield from pages
        finally:
            pool.shutdown(cancel_futures=True)


def is_word(name: str, enum: str, word: str) -> str:
    """A filter for one word of an enum; enums know `eq` and `ne` only."""
    return f"{name} eq {ENUMS}.{enum}'{word}'"

"""The frame of each page of close tasks: month, moment, live stream, and the part that htmx fetches again."""

from __future__ import annotations

from datetime import date

from django.http import HttpRequest

from board.door import visible_ids
from board.tasks.visible_groups import visible_groups
from board.web import labels
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest
from board.web.controls import LIVE_PATH, Pairs, build_url, moments, month_links
from board.web.layout import layout_context
from board.web.readers import wants_fragment
from closing.calendar.date_phrases import month_and_year
from entities.models import Person
from worklist.task_store.task_versions import tasks_version


def task_screen(
    request: HttpRequest,
    board_request: BoardRequest,
    title: str,
    path: str,
    *,
    month: date | None = None,
    own: Pairs = (),
) -> dict[str, object]:
    """The template variables of the frame; read before the tasks, so that its version misses no change.

    `month` is that of a single task, whose page has no other; `own` are the parameters of the page in its URL.
    """
    reader, past = board_request.reader, board_request.past
    shown = month or board_request.month
    query = BoardQuery(month=None if month else board_request.query.month, at=board_request.query.at)
    fragment = wants_fragment(request)
    person = board_request.person
    return {
        **layout_context(person, "tasks", None if past else board_request.board()),
        "frame": "board/reports/_report_fragment.html" if fragment else "board/web/signed_in.html",
        "title": title,
        "here": build_url(path, query, own),
        "path": path,
        "past": past,
        "page": {
            "moment": labels.moment_in_full(board_request.as_of, reader.zone),
            "moment_iso": labels.iso(board_request.as_of) or "",
            "zone": reader.zone_name,
            "zone_key": reader.zone.key,
        },
        "bar": {"moments": moments(path, query, reader, board_request.now, own)},
        "month": month_and_year(shown),
        "month_key": f"{shown:%Y-%m}",
        "kept": query.replace(month=shown).querystring(),
        "links": {}
        if month
        else month_links(board_request, lambda other: build_url(path, query.replace(month=other), own)),
        "stream": "" if past else f"{LIVE_PATH}?tasks={shown:%Y-%m}",
        "version": "" if past else version_for(person, shown, board_request),
        "here_is": "",
        "crumbs": (),
        "beside": (),
        "link": ("", ""),
        "count": None,
        "progress": "",
        "least": "",
    }


def version_for(person: Person, month: date, board_request: BoardRequest) -> str:
    """The version of the tasks of a month that a person sees."""
    return tasks_version(month, visible_ids(person), visible_groups(person), board_request.now)

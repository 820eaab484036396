"""How far the close tasks of a row are, as a thin bar with its words; it leads to the tasks of the entity."""

from __future__ import annotations

from urllib.parse import quote

from django.utils.html import escape
from django.utils.safestring import SafeString

from closing.close_tasks.row_tasks import TASKS
from closing.scoreboard.row import Row

_WIDTH = 60  # of the bar, in its own units


def tasks_bar(row: Row, query: str) -> SafeString:
    """The bar of a row; "" for a period without tasks. `query` is appended to the address of the tasks."""
    tasks = row.get(TASKS)
    if tasks is None:
        return SafeString("")
    progress = tasks.progress
    done = round(_WIDTH * progress.share)
    words = f"{progress.done} of {progress.total} tasks" if progress.total else str(progress)
    late = f'<b class="overdue">{tasks.overdue} overdue</b>' if tasks.overdue else ""
    return SafeString(
        f'<a class="tasks-bar{" late" if late else ""}" href="/entities/{quote(row.code)}/tasks/?{escape(query)}"'
        f' title="Close tasks: {escape(tasks.phrase)}">'
        f'<svg width="{_WIDTH}" height="5" viewBox="0 0 {_WIDTH} 5" aria-hidden="true">'
        f'<rect width="{_WIDTH}" height="5" rx="2.5"/><rect class="length" width="{done}" height="5" rx="2.5"/></svg>'
        f"<span>{words}</span> {late}</a>"
    )

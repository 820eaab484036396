"""Two clicks of one person at the same moment: the rules about saved views hold all the same."""

from __future__ import annotations

from threading import Barrier, Thread

from django.core.exceptions import ValidationError
from django.db import connections

from entities.models import Person, SavedView
from entities.view_store import MAX_SAVED_VIEWS, save_view


def test_two_clicks_at_once_break_no_rule(live_database: str) -> None:
    rosa_bell = Person.objects.create_user(
        "rosa.bell@meridian.test", "a long enough password", name="Rosa Bell"
    )
    for n in range(MAX_SAVED_VIEWS - 1):
        save_view(rosa_bell, f"view {n}", "board", "")
    together, refused = Barrier(2), []

    def click(name: str) -> None:
        try:
            together.wait(10)
            save_view(rosa_bell, name, "board", "", as_start=True)
        except ValidationError as why:
            refused.extend(why.messages)
        finally:
            connections.close_all()

    clicks = [Thread(target=click, args=(name,)) for name in ("one", "other")]
    for each in clicks:
        each.start()
    for each in clicks:
        each.join(30)
    assert refused == ["You have 50 saved views, which is the most. Delete one first."]
    assert SavedView.objects.filter(deleted_at=None).count() == MAX_SAVED_VIEWS
    assert SavedView.objects.filter(is_start=True).count() == 1

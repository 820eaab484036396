"""The template that an address names, for people who see its group, or administer it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse

from board.web.board_request import BoardRequest, board_view
from board.web.readers import View
from closing.close_tasks.task_templates import TemplateKind
from entities.access import administered_groups, groups_with_role
from entities.models import Group, Person
from worklist.models import TaskAdoption

KIND_LABELS = {
    TemplateKind.MONTH: "Month end",
    TemplateKind.QUARTER: "Quarter end",
    TemplateKind.YEAR: "Year end",
}


@dataclass(frozen=True, slots=True)
class TemplatePlace:
    """One template of a group with close tasks; `administers`: whether the person may change it."""

    adoption: TaskAdoption
    kind: TemplateKind
    administers: bool

    @property
    def group(self) -> Group:
        return self.adoption.group

    @property
    def args(self) -> list[str]:
        """The arguments of its addresses."""
        return [self.group.code, self.kind.value]

    @property
    def label(self) -> str:
        return KIND_LABELS[self.kind]


TemplateView = Callable[..., HttpResponse]


def template_place(person: Person, code: str, kind: str) -> TemplatePlace | None:
    """The template of an address; None for a group that the person does not see, or that has no close tasks."""
    if kind not in set(TemplateKind) or "\0" in code:  # the database takes no such text
        return None
    seen = groups_with_role(person, Q())
    adoption = TaskAdoption.objects.select_related("group", "calendar").filter(
        group__in=seen, group__code=code
    )
    found = adoption.first()
    if found is None:
        return None
    administers = administered_groups(person).filter(pk=found.group_id).exists()
    return TemplatePlace(found, TemplateKind(kind), administers)


def of_template(view: TemplateView) -> View:
    """Calls `view(request, board_request, place, ...)` for people who see the group; others get 404."""

    @board_view
    @wraps(view)
    def wrapper(
        request: HttpRequest, board_request: BoardRequest, code: str, kind: str, **more: str
    ) -> HttpResponse:
        place = template_place(board_request.person, code, kind)
        if place is None:
            raise Http404
        return view(request, board_request, place, **more)

    return wrapper


def of_administered_template(view: TemplateView) -> View:
    """As `of_template`, for people who administer the group; others get 404."""

    @of_template
    @wraps(view)
    def wrapper(
        request: HttpRequest, board_request: BoardRequest, place: TemplatePlace, **more: str
    ) -> HttpResponse:
        if not place.administers:
            raise Http404
        return view(request, board_request, place, **more)

    return wrapper

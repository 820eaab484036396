"""The views of alert rules: the list of a person's groups, and the form of one group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from alerts.routing.alert_policy import EscalationStepRule, GroupAlertPolicy, own_policy
from alerts.routing.alert_policy_updates import InvalidAlertPolicy, update_alert_policy
from board.notifications.alert_rules_page import (
    StepInput,
    eligible_people,
    groups_page,
    initial_form_data,
    rules_page,
)
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.layout import layout_context
from board.web.redirects import SeeOther
from entities.access import administered_groups
from entities.models import Group, Person


@require_safe
@board_view
def alert_rules(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The groups that the person administers, each with its rules; 404 for people who administer none."""
    board_request = resolve_request(board_request.person, {}, board_request.now)
    groups = list(administered_groups(board_request.person))
    if not groups:
        raise Http404
    context = {
        **layout_context(board_request.person, "alerts", board_request.board()),
        "groups": groups_page(groups),
    }
    return render(request, "board/notifications/alert_rules.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def group_alert_rules(request: HttpRequest, board_request: BoardRequest, code: str) -> HttpResponse:
    """The rules of one group; a POST saves the form as its policy."""
    board_request = resolve_request(board_request.person, {}, board_request.now)
    group = administered_groups(board_request.person).filter(code=code).first()
    if group is None:
        raise Http404
    if request.method != "POST":
        return _page(
            request, board_request, group, initial_form_data(own_policy(group), eligible_people(group)), {}
        )
    typed, steps = request.POST.dict(), _steps(request.POST)
    policy, problems = _parse_policy(typed, steps)
    if policy is not None:
        try:
            update_alert_policy(group, policy, board_request.now)
        except InvalidAlertPolicy as error:
            problems = {_input_name(error.field, steps): str(error)}
    if problems:
        return _page(request, board_request, group, (typed, steps), problems, status=422)
    messages.success(request, f"The alert rules of {group.name} are saved.")
    return SeeOther(reverse("alert_rules_of", args=[group.code]))


def _steps(form: QueryDict) -> list[StepInput]:
    """The steps of the form in their order, without empty ones and those marked for removal."""
    numbers = sorted({int(name[5:-5]) for name in form if _is_days_input(name)})
    steps = []
    for number in numbers:
        step = StepInput(
            number,
            form.get(f"step-{number}-days", "").strip(),
            tuple(form.getlist(f"step-{number}-roles")),
            tuple(form.getlist(f"step-{number}-people")),
        )
        empty = not (step.days or step.roles or step.people)
        if not empty and not form.get(f"step-{number}-remove"):
            steps.append(step)
    return steps


def _is_days_input(name: str) -> bool:
    number = name.removeprefix("step-").removesuffix("-days")
    return name == f"step-{number}-days" and number.isascii() and number.isdigit() and len(number) < 3


def _parse_policy(
    typed: Mapping[str, str], steps: Sequence[StepInput]
) -> tuple[GroupAlertPolicy | None, dict[str, str]]:
    problems: dict[str, str] = {}
    days = typed.get("due_soon_days", "").strip()
    if days and not _is_number(days):
        problems["due_soon_days"] = f"“{days[:20]}” is not a number of days."
    rules, emails = [], {email for step in steps for email in step.people}
    ids = dict(Person.objects.filter(email__in=emails).values_list("email", "pk")) if emails else {}
    for step in steps:
        if not _is_number(step.days):
            problem = (
                "Enter the days late." if not step.days else f"“{step.days[:20]}” is not a number of days."
            )
            problems[f"step-{step.number}-days"] = problem
        else:
            people = tuple(ids.get(email, 0) for email in step.people)  # 0 is no person, and is rejected
            rules.append(EscalationStepRule(int(step.days), step.roles, people))
    digest = typed.get("alerts_in_digest", "")
    if digest not in {"", "yes", "no"}:
        problems["alerts_in_digest"] = "Choose one of these."
    if problems:
        return None, problems
    in_digest = {"yes": True, "no": False}.get(digest)
    return GroupAlertPolicy(int(days) if days else None, in_digest, rules), {}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4


def _input_name(field: str, steps: Sequence[StepInput]) -> str:
    """The form input of an error's field, whose step numbers do not count empty steps."""
    prefix, _, rest = field.partition("-")
    number, _, name = rest.partition("-")
    return f"step-{steps[int(number) - 1].number}-{name}" if prefix == "step" else field


def _page(
    request: HttpRequest,
    board_request: BoardRequest,
    group: Group,
    typed: tuple[Mapping[str, str], Sequence[StepInput]],
    problems: Mapping[str, str],
    *,
    status: int = 200,
) -> HttpResponse:
    page = rules_page(board_request, group, *typed, problems)
    context = {**layout_context(board_request.person, "alerts", board_request.board()), "page": page}
    return render(request, "board/notifications/group_alert_rules.html", context, status=status)

"""The alert rules: the list of a person's groups, and the form of one with its escalation's current recipients."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from alerts.routing.alert_policy import (
    GroupAlertPolicy,
    inherited_policy,
    load_alert_policies,
    people_for_steps,
)
from alerts.routing.recipients import load_audiences, recipients
from alerts.routing.settings_updates import MOST_STEPS, update_alert_policy
from board.notifications.forms import AlertPolicyForm, EscalationStepForm
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.forms import SeeOther, bind_errors
from closing.judging.notice_rules import NoticeKind
from entities.access import administered_groups
from entities.models import Group, LegalEntity, Membership, Person

SHOWN = 20  # entities with a full preview of their escalation
# An entity with the current recipients of each step: ("+10", "Rosa Bell, Sanne de Wit").
EscalationPreview = tuple[LegalEntity, list[tuple[str, str]]]
_PLURALS = {
    Membership.Role.OWNER.value: "owners",
    Membership.Role.FINANCE.value: "finance",
    Membership.Role.ADMINISTRATOR.value: "administrators",
    Membership.Role.AUDITOR.value: "auditors",
}


@require_safe
@board_view
def alert_rules(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The groups that the person administers, each with its own rules; 404 for people who administer none."""
    board_request = resolve_request(board_request.person, {}, board_request.now)
    groups = list(administered_groups(board_request.person))
    if not groups:
        raise Http404
    top_level, policies = min(group.path.count("/") for group in groups), load_alert_policies()
    depths = [min(group.path.count("/") - top_level, 6) for group in groups]
    rules = [_rule_phrases(policies.own(group.path)) for group in groups]
    context = {**board_request.layout("alerts"), "groups": list(zip(groups, depths, rules, strict=True))}
    return render(request, "board/notifications/alert_rules.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def group_alert_rules(request: HttpRequest, board_request: BoardRequest, code: str) -> HttpResponse:
    """The rules of one group; a POST saves the form as its policy. The preview is of the saved rules."""
    board_request = resolve_request(board_request.person, {}, board_request.now)
    group = administered_groups(board_request.person).filter(code=code).first()
    if group is None:
        raise Http404
    form = None
    if request.method == "POST":
        form = AlertPolicyForm(request.POST)
        if form.is_valid():
            with bind_errors(form):
                update_alert_policy(group, form.policy(), board_request.now)
                messages.success(request, f"The alert rules of {group.name} are saved.")
                return SeeOther(reverse("alert_rules_of", args=[group.code]))
    context = {**board_request.layout("alerts"), **_form_context(group, form)}
    context["previews"], context["left"] = _previews(board_request, group)
    status = 200 if form is None else 422
    return render(request, "board/notifications/group_alert_rules.html", context, status=status)


def _rule_phrases(policy: GroupAlertPolicy) -> list[str]:
    phrases = []
    if policy.due_soon_days is not None:
        phrases.append(f"due soon {_days_ahead(policy.due_soon_days)}")
    if policy.alerts_in_digest is not None:
        phrases.append("alerts may wait for a digest" if policy.alerts_in_digest else "alerts always at once")
    if policy.steps:
        phrases.append(f"escalation at {', '.join(f'+{step.after_days}' for step in policy.steps)}")
    return phrases


def _form_context(group: Group, form: AlertPolicyForm | None) -> dict[str, object]:
    """The rejected form, or that of the saved policy, with the inherited rules beside it."""
    inherited, eligible = inherited_policy(group), _eligible_people(group)
    if form is None:
        emails = {pk: email for pk, (email, _) in eligible.items()}
        form = AlertPolicyForm(current=load_alert_policies().own(group.path), emails=emails)
    names = dict(eligible.values())
    steps = list(form.steps)
    for position, step in enumerate(steps, start=1):
        step.show(f"Step {position}", names)
    if len(steps) < MOST_STEPS:
        steps.append(EscalationStepForm(max((step.number for step in steps), default=0) + 1))
        steps[-1].show("Another step", names, new=True)
    digest = "May wait for a digest" if inherited.rules.alerts_in_digest else "Always at once"
    above = []
    for rule in inherited.steps:
        people = [eligible[pk][1] if pk in eligible else "a person without access" for pk in rule.people]
        roles = [_PLURALS.get(role, role) for role in rule.roles]
        above.append(f"+{rule.after_days} {', '.join([*roles, *people])}")
    return {
        "name": group.name,
        "form": form,
        "due_soon_above": f"{_days_ahead(inherited.rules.due_soon_days)}, {_source(inherited.due_soon_from)}",
        "digest_above": f"{digest} ({_source(inherited.in_digest_from)})",
        "steps": steps,
        "steps_above": "; ".join(above),
        "steps_from": _source(inherited.steps_from),
    }


def _eligible_people(group: Group) -> dict[int, tuple[str, str]]:
    """E-mail address and name, by id, of the people whom the steps of a group may name or already name."""
    with_access = {
        person.pk: (person.email, person.name or person.email) for person in people_for_steps(group)
    }
    named = {pk for step in load_alert_policies().own(group.path).steps for pk in step.people}
    others = Person.objects.filter(pk__in=named - with_access.keys()).order_by("name")
    return with_access | {
        person.pk: (person.email, f"{person.name or person.email} (no longer has access)")
        for person in others
    }


def _days_ahead(days: int) -> str:
    if days == 0:
        return "on the day itself"
    return f"{days} working {'day' if days == 1 else 'days'} ahead"


def _source(name: str) -> str:
    return f"inherited from {name}" if name else "the default"


def _previews(board_request: BoardRequest, group: Group) -> tuple[list[EscalationPreview], int]:
    """The previews of the saved steps for the first entities of the group, and the number of further ones."""
    visible = board_request.entities().filter(group__path__startswith=group.path).order_by("name", "code")
    shown = list(visible.select_related("group")[:SHOWN])
    audiences, policies = load_audiences([entity.pk for entity in shown]), load_alert_policies()
    reached: list[tuple[LegalEntity, list[tuple[int, set[int]]]]] = []
    for entity in shown:
        audience, steps = audiences[entity.pk], policies.steps_of(entity.group.path)
        people = [
            recipients(NoticeKind.ESCALATION, number, audience, board_request.now, steps=steps)
            for number, _ in enumerate(steps, start=1)
        ]
        reached.append((entity, list(zip([step.after_days for step in steps], people, strict=True))))
    ids = {pk for _, steps in reached for _, people in steps for pk in people}
    rows = Person.objects.filter(pk__in=ids).values_list("pk", "name", "email")
    names = {pk: name or email for pk, name, email in rows}

    def phrase(people: set[int]) -> str:
        return ", ".join(sorted((names[pk] for pk in people), key=str.casefold)) or "nobody with access"

    previews = [
        (entity, [(f"+{days}", phrase(people)) for days, people in steps]) for entity, steps in reached
    ]
    return previews, max(0, visible.count() - SHOWN)

"""The views of alert rules: the list of a person's groups, and the form of one group."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from alerts.routing.alert_policy_updates import update_alert_policy
from board.notifications.alert_rules_page import groups_page, rules_page
from board.notifications.forms import AlertPolicyForm
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.forms import SeeOther, bind_errors
from board.web.layout import layout_context
from entities.access import administered_groups


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
    form = None
    if request.method == "POST":
        form = AlertPolicyForm(request.POST)
        if form.is_valid():
            with bind_errors(form):
                update_alert_policy(group, form.policy(), board_request.now)
                messages.success(request, f"The alert rules of {group.name} are saved.")
                return SeeOther(reverse("alert_rules_of", args=[group.code]))
    page = rules_page(board_request, group, form)
    context = {**layout_context(board_request.person, "alerts", board_request.board()), "page": page}
    status = 200 if form is None else 422
    return render(request, "board/notifications/group_alert_rules.html", context, status=status)

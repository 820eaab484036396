"""The form for an entity's profile: its role and what it has, with what each choice excludes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from board.entity_work.profile_lines import FEATURE_LABELS, ROLE_LABELS, set_by_phrase
from board.entity_work.work_phrases import capitalised
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.forms import (
    PlainTextField,
    ReturnForm,
    SeeOther,
    form_status,
    moment_in,
    one_message,
    posted,
)
from closing.blockers.blocker_kinds import BlockerKind, DocumentPart, needed_feature, shown_as
from closing.blockers.entity_profile import EntityProfile, EntityRole, ProfileFeature
from closing.close_tasks.task_templates import TaskSpec
from entities.access import administered_entities
from entities.models import LegalEntity
from worklist.recording.profiles import (
    ProfileChangedMeanwhile,
    profile_differences,
    profile_versions,
    set_profile,
    undo_profile,
)
from worklist.task_store.generate_tasks import members_of_adoptions
from worklist.template_store.templates_store import published_templates
from worklist.weighing_policies import profile_of

_NAMES = {"role": "role", **{feature.value: label for feature, label in FEATURE_LABELS.items()}}


class ProfileForm(forms.Form):
    """The role and the features of an entity; `seen` is the moment of the version that the person saw."""

    seen = PlainTextField(required=False)
    role = forms.TypedChoiceField(
        choices=[(role.value, label) for role, label in ROLE_LABELS.items()],
        coerce=EntityRole,
        error_messages=one_message("Choose the role of the entity."),
    )
    feature = forms.TypedMultipleChoiceField(
        choices=[(feature.value, label) for feature, label in FEATURE_LABELS.items()],
        coerce=ProfileFeature,
        required=False,
        error_messages=one_message("Choose from what is listed."),
    )

    @property
    def profile(self) -> EntityProfile:
        """The profile of a valid form."""
        chosen = self.cleaned_data["feature"]
        features = {feature.value: feature in chosen for feature in ProfileFeature}
        return EntityProfile(role=self.cleaned_data["role"], **features)


@dataclass(frozen=True, slots=True)
class FeatureChoice:
    """A feature with what does not apply without it."""

    value: str
    label: str
    ticked: bool
    without: str


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def profile(request: HttpRequest, board_request: BoardRequest, code: str) -> HttpResponse:
    """The form for the profile, and its submission; 404 for people who do not administer the entity."""
    board_request = resolve_request(board_request.person, {}, board_request.now)
    entity = _administered(board_request, code)
    form = ProfileForm(posted(request))
    meanwhile: ProfileChangedMeanwhile | None = None
    if form.is_valid():
        try:
            version = set_profile(
                entity,
                form.profile,
                by=board_request.person,
                at=board_request.now,
                seen_at=moment_in(form.cleaned_data["seen"]),
                check=True,
            )
        except ProfileChangedMeanwhile as changed:
            meanwhile = changed
        else:
            if version is None:
                messages.info(request, f"The profile of {entity.name} is as it was.")
            else:
                undo = len(profile_versions(entity.pk, version.set_at)) > 1
                tags = reverse("undo_profile", args=[code, version.set_at.isoformat()]) if undo else ""
                messages.success(request, f"The profile of {entity.name} is saved.", extra_tags=tags)
            return SeeOther(f"{reverse('entity', args=[code])}#work")
    return _page(request, board_request, entity, form, meanwhile)


@require_POST
@board_view
def profile_undo(request: HttpRequest, board_request: BoardRequest, code: str, moment: str) -> HttpResponse:
    """Sets the profile before the one of a moment again."""
    entity = _administered(board_request, code)
    set_at = moment_in(moment)
    if set_at is None:
        raise Http404
    try:
        version = undo_profile(entity, set_at, by=board_request.person, at=board_request.now)
    except ProfileChangedMeanwhile as changed:
        by = changed.newest.set_by
        who = (by.name or by.email) if by is not None else "The group file"
        messages.warning(request, f"{who} has changed the profile since: look at it before you change it.")
    else:
        text = "The profile is as it was before." if version is not None else "There is nothing to undo."
        messages.success(request, text)
    return SeeOther(ReturnForm(request.POST).path(reverse("entity", args=[code])))


def _administered(board_request: BoardRequest, code: str) -> LegalEntity:
    entity = administered_entities(board_request.person).select_related("group").filter(code=code).first()
    if entity is None:
        raise Http404
    return entity


def _page(
    request: HttpRequest,
    board_request: BoardRequest,
    entity: LegalEntity,
    form: ProfileForm,
    meanwhile: ProfileChangedMeanwhile | None,
) -> HttpResponse:
    versions = profile_versions(entity.pk, board_request.now)
    saved = profile_of(versions[0].body if versions else None)
    typed = form.profile if form.is_bound and form.is_valid() else saved
    context = {
        **board_request.layout("board"),
        "name": entity.name,
        "back": reverse("entity", args=[entity.code]),
        "form": form,
        "seen": versions[0].set_at.isoformat() if versions else "",
        "set_by": set_by_phrase(versions, board_request.reader, board_request.now),
        "roles": [
            (role.value, capitalised(label), role is typed.role) for role, label in ROLE_LABELS.items()
        ],
        "features": _choices(typed, _tasks_of(entity)),
        "meanwhile": _differences(typed, saved) if meanwhile is not None else [],
    }
    status = 422 if meanwhile is not None else form_status(form)
    return render(request, "board/entity/profile.html", context, status=status)


def _differences(typed: EntityProfile, saved: EntityProfile) -> list[tuple[str, str, str]]:
    """What the person chose and what another has saved meanwhile, where they differ: name, saved, chosen."""
    chosen: Mapping[str, Any] = profile_differences(saved, typed)
    return [(_NAMES[name], _shown(getattr(saved, name)), _shown(value)) for name, value in chosen.items()]


def _shown(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _tasks_of(entity: LegalEntity) -> Sequence[TaskSpec]:
    """The rows of the newest templates that the entity's close is made of; none without close tasks."""
    group = members_of_adoptions().get(entity.pk)
    if group is None:
        return []
    templates = published_templates(group).templates
    found = (templates.month, templates.quarter, templates.year)
    return [task for template in found if template is not None for task in template.tasks]


def _choices(shown: EntityProfile, tasks: Sequence[TaskSpec]) -> list[FeatureChoice]:
    return [
        FeatureChoice(feature.value, capitalised(label), shown.has(feature), _without(feature, tasks))
        for feature, label in FEATURE_LABELS.items()
    ]


def _without(feature: ProfileFeature, tasks: Sequence[TaskSpec]) -> str:
    """The unfinished work and the tasks that do not apply without a feature."""
    work = [shown_as(kind) for kind in BlockerKind if needed_feature(kind) is feature]
    work += [
        shown_as(BlockerKind.UNPOSTED_DOCUMENTS, part)
        for part in DocumentPart
        if needed_feature(BlockerKind.UNPOSTED_DOCUMENTS, part) is feature
    ]
    titles = [task.title for task in tasks if feature.value in task.applies_if.needs]
    said = []
    if work:
        said.append(", ".join(work))
    if titles:
        said.append(f"{len(titles)} {'task' if len(titles) == 1 else 'tasks'} ({', '.join(titles)})")
    return "; ".join(said)

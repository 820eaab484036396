"""The forms of silences, notification preferences, alert policies and destinations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404, QueryDict

from alerts.channels.destinations import LONGEST_NAME, DestinationSpec, destination_address
from alerts.channels.kinds import destination_kinds
from alerts.models import Destination
from alerts.notices.notice_specs import SPECS, kinds_where
from alerts.routing.alert_policy import EscalationStepRule, GroupAlertPolicy
from alerts.routing.preferences import HABIT_FIELDS, NotificationPreferences
from alerts.routing.silences import LONGEST_REASON, SilenceTarget, silenceable_groups
from alerts.sanitize import one_line
from board.web.board_request import BoardRequest
from board.web.forms import ClockField, DayField, DaysField, LineField, PlainTextField, one_message
from closing.judging.notification_schedule import Cadence, CadenceRule, allowed_cadences
from entities.models import Group, Membership, Person, WorkCalendar

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NO_TIME = "“%(typed)s” is not a time. Write it like {}."
_NO_DAY_AWAY = "“%(typed)s” is not a date. Write it like 2026-08-03."


class _NameField(LineField):
    """A name on one line, without invisible letters."""

    def to_python(self, value: object) -> str:
        text = super().to_python(value)
        return one_line(text, len(text))


class SilenceForm(forms.Form):
    """An entity ("entity:NLDT") or group ("group:UK"), the last day of its silence, and the reason."""

    place = PlainTextField(error_messages={"required": "Choose what to silence: an entity or a whole group."})
    last_day = DayField(error_messages={"required": "Choose the last day of the silence."})
    reason = LineField(
        max_length=LONGEST_REASON,
        error_messages={
            "required": "Give a reason in a few words: it is shown wherever the silence is.",
            "max_length": "That is %(show_value)d letters long; the longest is %(limit_value)d.",
        },
    )

    def __init__(self, board_request: BoardRequest, data: Mapping[str, Any] | None, place: str = "") -> None:
        super().__init__(data, initial={"place": place})
        self._board_request = board_request

    def clean_place(self) -> SilenceTarget:
        """The entity or group; raises Http404 if the person may not see it."""
        kind, _, code = self.cleaned_data["place"].partition(":")
        if not code:
            raise ValidationError(self.fields["place"].error_messages["required"])
        entities = self._board_request.entities()
        if kind == "entity" and (entity := entities.filter(code=code).first()) is not None:
            return entity
        if kind == "group" and (group := Group.objects.filter(code=code).first()) is not None:
            may_silence = silenceable_groups(self._board_request.person).filter(pk=group.pk).exists()
            if may_silence or entities.filter(group__path__startswith=group.path).exists():
                return group
        raise Http404


class PreferencesForm(forms.Form):
    """The notification preferences of a person. A locked kind of notice has no input and keeps its cadence."""

    digest_at = ClockField(error_messages={"required": "Digests need a time, such as 08:00."})
    digest_weekday = forms.TypedChoiceField(
        choices=list(enumerate(WEEKDAYS)),
        coerce=int,
        error_messages=one_message("Choose a day of the week."),
    )
    quiet_from = ClockField(required=False, error_messages={"invalid": _NO_TIME.format("22:00")})
    quiet_until = ClockField(required=False, error_messages={"invalid": _NO_TIME.format("07:00")})
    rests_on_days_off = forms.BooleanField(required=False)
    away_from = DayField(required=False, error_messages={"invalid": _NO_DAY_AWAY})
    away_until = DayField(required=False, error_messages={"invalid": _NO_DAY_AWAY})

    def __init__(
        self,
        current: NotificationPreferences,
        calendars: Sequence[WorkCalendar],
        data: Mapping[str, Any] | None,
    ) -> None:
        codes = {calendar.pk: calendar.code for calendar in calendars}
        initial = {name: getattr(current, name) for name in HABIT_FIELDS}
        initial["calendar"] = codes.get(current.calendar or 0, "")
        super().__init__(data, initial=initial)
        self._current = current
        self.fields["calendar"] = forms.TypedChoiceField(
            choices=[("", "None: every day counts"), *((item.code, item.name) for item in calendars)],
            coerce={code: pk for pk, code in codes.items()}.get,
            required=False,
            empty_value=None,
            error_messages=one_message("Choose one of these calendars."),
        )
        for kind, spec in SPECS.items():
            self.fields[f"kind-{kind}"] = forms.TypedChoiceField(
                choices=[(cadence.value, cadence.value) for cadence in Cadence],
                coerce=Cadence,
                required=False,
                empty_value=None,
                initial=current.cadences.get(kind),
                validators=[partial(_check_cadence, spec.cadence)],
                error_messages=one_message("Choose one of these."),
            )

    def preferences(self) -> NotificationPreferences:
        """The preferences of a valid form; raises ValidationError for settings that contradict each other."""
        cadences = {kind: self.cleaned_data[f"kind-{kind}"] for kind in SPECS}
        chosen = {kind: cadence for kind, cadence in cadences.items() if cadence is not None}
        fields = {name: self.cleaned_data[name] for name in (*HABIT_FIELDS, "calendar")}
        return NotificationPreferences({**self._current.cadences, **chosen}, **fields)


class UndoForm(forms.Form):
    """The token of the preferences before a mail's link switched some kinds off; "" to switch them off."""

    undo = PlainTextField(required=False)


def _check_cadence(rule: CadenceRule, cadence: str) -> None:
    if cadence not in {option.value for option in allowed_cadences(rule, in_digest=True)}:
        raise ValidationError("That cannot be chosen for these.")


class DestinationForm(forms.Form):
    """A destination: where posts go, of which group and of which kinds. Its address is never shown again."""

    kind = forms.ChoiceField(
        choices=lambda: [(kind, channel.label) for kind, channel in destination_kinds().items()],
        error_messages=one_message("Choose where the posts go."),
    )
    url = PlainTextField(error_messages={"required": "Paste the address of the destination."})
    name = _NameField(
        max_length=LONGEST_NAME,
        error_messages={
            "required": "Enter a name, for example that of the channel.",
            "max_length": "A name has %(limit_value)d letters at most.",
        },
    )
    kinds = forms.TypedMultipleChoiceField(
        choices=lambda: [(kind, spec.label) for kind, spec in SPECS.items()],
        error_messages=one_message("Choose at least one kind of notification."),
    )

    def __init__(
        self, groups: Sequence[Group], data: Mapping[str, Any] | None, destination: Destination | None = None
    ) -> None:
        """The form of a new destination, or of `destination`: it keeps its kind, and may keep its address."""
        initial: dict[str, object]
        if destination is None:
            first, posted = next(iter(destination_kinds())), kinds_where(lambda spec: spec.posted)
            initial = {"kind": first, "group": groups[0].code, "kinds": posted}
        else:
            initial = {"name": destination.name, "group": destination.group.code, "kinds": destination.kinds}
        super().__init__(data, initial=initial)
        top_level = min(group.path.count("/") for group in groups)
        self.fields["group"] = forms.TypedChoiceField(
            choices=[
                (group.code, "\u2003" * (group.path.count("/") - top_level) + group.name) for group in groups
            ],
            coerce={group.code: group for group in groups}.get,
            error_messages=one_message("Choose a group that you administer."),
        )
        self.destination = destination
        if destination is not None:
            del self.fields["kind"]
            self.fields["url"].required = False

    def clean(self) -> None:
        """Checks the address with the rest, as it has to be pasted again after any error."""
        if (kind := self._kind) and self.cleaned_data.get("url"):
            destination_address(kind, self.cleaned_data["url"])

    def spec(self) -> DestinationSpec:
        """The settings of a valid form."""
        return DestinationSpec(**{**self.cleaned_data, "kind": self._kind})

    @property
    def _kind(self) -> str | None:
        return self.destination.kind if self.destination is not None else self.cleaned_data.get("kind")


class _EmailsField(forms.MultipleChoiceField):
    """E-mail addresses of people. The writer of the policy checks, under its lock, who may be named."""

    def valid_value(self, value: str) -> bool:
        return True


class EscalationStepForm(forms.Form):
    """One step of an escalation: the days late at which it begins, the roles and the people that it adds."""

    days = DaysField(error_messages={"required": "Enter the days late."})
    roles = forms.MultipleChoiceField(
        choices=Membership.Role.choices,
        required=False,
        error_messages=one_message("There is no such role."),
    )
    people = _EmailsField(required=False)
    remove = forms.BooleanField(required=False)

    def __init__(
        self, number: int, data: Mapping[str, Any] | None = None, initial: dict[str, object] | None = None
    ) -> None:
        super().__init__(data, prefix=f"step-{number}", initial=initial)
        self.number = number

    @property
    def counts(self) -> bool:
        """Whether the step is neither empty nor marked for removal."""
        return "remove" not in self.changed_data and self.has_changed()

    @property
    def whom_errors(self) -> Sequence[str]:
        return [*self["roles"].errors, *self["people"].errors]

    def show(self, title: str, people: Mapping[str, str], *, new: bool = False) -> None:
        """Gives the step its title on the page, and the people to choose from: names by e-mail address."""
        field, chosen = self.fields["people"], self["people"].value() or []
        assert isinstance(field, _EmailsField)
        field.choices = list(people.items())
        self.title, self.new = title, new
        self.chosen = [name for email, name in people.items() if email in chosen]


class AlertPolicyForm(forms.Form):
    """The alert policy of a group, with a form for each of its steps. Inputs of steps are called "step-2-days"."""

    due_soon_days = DaysField(required=False)
    alerts_in_digest = forms.TypedChoiceField(
        choices=[("", ""), ("no", "Always at once"), ("yes", "People may have them in a digest")],
        coerce={"yes": True, "no": False}.get,
        required=False,
        empty_value=None,
        error_messages=one_message("Choose one of these."),
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        current: GroupAlertPolicy | None = None,
        emails: Mapping[int, str] | None = None,
    ) -> None:
        policy = current or GroupAlertPolicy()
        digest = {None: "", True: "yes", False: "no"}[policy.alerts_in_digest]
        super().__init__(data, initial={"due_soon_days": policy.due_soon_days, "alerts_in_digest": digest})
        if data is None:
            self.steps = [
                EscalationStepForm(number, initial=_step_values(step, emails or {}))
                for number, step in enumerate(policy.steps, start=1)
            ]
        else:
            numbers = sorted({int(found[1]) for name in data if (found := _STEP_DAYS.fullmatch(name))})
            steps = [EscalationStepForm(number, data) for number in numbers]
            self.steps = [step for step in steps if step.counts]

    @property
    def error_count(self) -> int:
        return sum(len(form.errors) for form in (self, *self.steps))

    def is_valid(self) -> bool:
        return self.is_bound and not self.error_count

    def policy(self) -> GroupAlertPolicy:
        """The policy of a valid form, in one query at most; a person who is not found has the id 0."""
        steps = [step.cleaned_data for step in self.steps]
        emails = {email for step in steps for email in step["people"] if "\0" not in email}
        people = Person.objects.filter(email__in=emails) if emails else Person.objects.none()
        ids = dict(people.values_list("email", "pk"))
        return GroupAlertPolicy(
            self.cleaned_data["due_soon_days"],
            self.cleaned_data["alerts_in_digest"],
            [
                EscalationStepRule(
                    step["days"], tuple(step["roles"]), tuple(ids.get(email, 0) for email in step["people"])
                )
                for step in steps
            ],
        )

    def add_error(self, field: str | None, error: Any) -> None:
        """Binds an error; one of "step-2-days" to the second of the steps, whatever its number in the form."""
        for name, errors in getattr(error, "error_dict", {field: error}).items():
            if found := _STEP_INPUT.fullmatch(name or ""):
                self.steps[int(found[1]) - 1].add_error(found[2], errors)
            else:
                super().add_error(name, errors)


_STEP_DAYS = re.compile(r"step-([0-9]{1,2})-days")
_STEP_INPUT = re.compile(r"step-([0-9]+)-(\w+)")


def _step_values(step: EscalationStepRule, emails: Mapping[int, str]) -> dict[str, object]:
    people = [emails[pk] for pk in step.people]
    return {"days": step.after_days, "roles": step.roles, "people": people}

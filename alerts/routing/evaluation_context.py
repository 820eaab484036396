"""The facts of one evaluation, each read once: all its steps judge by the same settings and readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from django.db.models import Case, F, OuterRef, Q, Subquery, When
from django.db.models.functions import Now

from alerts.models import Destination, EvaluationSpan
from alerts.routing.alert_policy import AlertPolicies, load_alert_policies
from alerts.routing.recipients import RoleHolders, load_role_holders
from alerts.routing.silences import silences_by_entity
from closing.scoreboard.row import RowSilence
from entities.calendars import StoredCalendars, stored_calendars
from entities.models import Connection, Group, LegalEntity
from periods.models import SyncAttempt
from periods.policies import EffectivePolicy, effective_policies
from periods.snapshot.freshness import Freshness, freshness


class EvaluatedEntity(NamedTuple):
    """An entity as evaluations need it; `path` is that of its group, `calendar` and `connection` are ids."""

    path: str
    zone: str
    calendar: int
    connection: int | None
    active_from: date | None
    active_to: date | None


class EvaluatedConnection(NamedTuple):
    """A connection with the outcome of the newest attempt that ended by the moment, and its first attempt.

    `read_at` is the latest moment that was read, of those not ahead of the database's clock.
    """

    paused: bool
    interval: timedelta
    outcome: str | None
    first_attempt_at: datetime | None
    read_at: datetime | None


class EvaluationContext:
    """The facts that hold at one moment, each read when it is first needed, in one query, and then kept.

    Only facts that no step of an evaluation writes: flags, overruns, outages, notices and messages are read anew from
    the tables by each step, so that a later step sees those of an earlier one. `span` moves when all steps are done.
    What concerns a few entities only needs a `scope`, the condition that these meet.
    """

    def __init__(self, as_of: datetime, scope: Q | None = None) -> None:
        self.as_of = as_of
        self.scope = scope or Q()

    @cached_property
    def span(self) -> EvaluationSpan | None:
        """The newest span of evaluations that had begun."""
        return EvaluationSpan.objects.filter(first__lte=self.as_of).order_by("-first").first()

    @cached_property
    def entities(self) -> Mapping[int, EvaluatedEntity]:
        """Every entity of the scope, by id, in the order of the ids."""
        rows = (
            LegalEntity.objects.filter(self.scope)
            .order_by("id")
            .values_list(
                "id", "group__path", "zone", "calendar_id", "connection_id", "active_from", "active_to"
            )
        )
        return {row[0]: EvaluatedEntity(*row[1:]) for row in rows}

    @cached_property
    def policies(self) -> Mapping[int, EffectivePolicy]:
        """The policy in force for each entity at the moment: the one that the board shows."""
        entities = ((pk, entity.path) for pk, entity in self.entities.items())
        return effective_policies(entities, as_of=self.as_of)

    @cached_property
    def readings(self) -> Mapping[int, Freshness]:
        """The freshness of each entity's newest reading."""
        return freshness(list(self.entities), self.as_of)

    @cached_property
    def connections(self) -> Mapping[int, EvaluatedConnection]:
        """Every connection, by id."""
        attempts = SyncAttempt.objects.filter(connection=OuterRef("pk"))
        ended = attempts.filter(started_at__lte=self.as_of).exclude(outcome=SyncAttempt.Outcome.RUNNING)
        rows = Connection.objects.annotate(
            newest=Subquery(ended.order_by("-started_at", "-pk").values("outcome")[:1]),
            tried_since=Subquery(attempts.order_by("started_at").values("started_at")[:1]),
            read_at=Case(When(clock__read_at__lte=Now(), then=F("clock__read_at"))),
        ).values_list("pk", "paused", "interval_seconds", "newest", "tried_since", "read_at")
        return {
            pk: EvaluatedConnection(paused, timedelta(seconds=seconds), outcome, first, read_at)
            for pk, paused, seconds, outcome, first, read_at in rows
        }

    @cached_property
    def calendars(self) -> StoredCalendars:
        """Every work calendar."""
        return stored_calendars()

    @cached_property
    def groups(self) -> Mapping[int, str]:
        """The path of every group, by id."""
        return dict(Group.objects.values_list("pk", "path"))

    @cached_property
    def silences(self) -> Mapping[int, RowSilence]:
        """The silence of each entity that is silenced."""
        return silences_by_entity(None, self.as_of)

    @cached_property
    def alert_policies(self) -> AlertPolicies:
        """The alert settings of all groups."""
        return load_alert_policies()

    @cached_property
    def role_holders(self) -> RoleHolders:
        """The people with a role for any entity or group."""
        return load_role_holders()

    @cached_property
    def destinations(self) -> Sequence[Destination]:
        """The destinations that are switched on, each with its group."""
        return list(Destination.objects.filter(enabled=True).select_related("group").order_by("pk"))

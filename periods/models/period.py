"""Fiscal periods with native facts, the changes of their states, and remarks."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from closing.facts.period_remarks import MAX_REMARK_LENGTH, OverdueReason, RemarkKind
from closing.facts.readings import PeriodType
from closing.judging.states import PeriodState
from entities.models import LegalEntity, Person
from periods.models.reading import SyncAttempt

STATES = [state.value for state in PeriodState]


class NativeFacts(models.Model):
    """The native facts of a period as the ERP gave them; equal facts of several periods share one row."""

    digest = models.CharField(max_length=64, unique=True)
    body = models.JSONField()


class FiscalPeriod(models.Model):
    """A period of one entity's fiscal calendar with its newest state; StateChange holds the history.

    `erp_key` identifies it within the entity until the ERP lists it under another (see `recording.other_keys`); two
    periods may share their dates (operating and closing).
    `reporting_month` is a first of month; by rule (`closing.calendar.months`), unless an administrator set it.
    """

    # `period_once_per_entity` begins with it.
    entity = models.ForeignKey(LegalEntity, on_delete=models.CASCADE, related_name="periods", db_index=False)
    erp_key = models.CharField(max_length=200)
    calendar = models.CharField(max_length=100, blank=True)
    year = models.CharField(max_length=40)
    name = models.CharField(max_length=100)
    first_day = models.DateField()
    last_day = models.DateField()
    type = models.CharField(max_length=10, choices=[(t.value, t.value) for t in PeriodType])
    reporting_month = models.DateField()
    month_set_by_hand = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=[(s, s) for s in STATES])
    because = models.TextField()
    # Never deleted, never looked up by.
    facts = models.ForeignKey(
        NativeFacts, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        indexes = [
            models.Index(fields=["reporting_month", "entity"], name="period_by_month"),
            models.Index(
                fields=["entity"], condition=~Q(state="closed"), name="period_not_closed"
            ),  # evaluating
        ]
        constraints = [
            models.UniqueConstraint(fields=["entity", "erp_key"], name="period_once_per_entity"),
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="period_days_in_order"),
            models.CheckConstraint(condition=Q(state__in=STATES), name="period_state_is_known_word"),
            models.CheckConstraint(
                condition=Q(type__in=[t.value for t in PeriodType]), name="period_type_is_known_word"
            ),
            models.CheckConstraint(condition=Q(reporting_month__day=1), name="period_month_is_a_first"),
        ]


class StateChange(models.Model):
    """One change of a period's state or native facts that we saw; a trigger refuses any update or delete.

    The moment of the change is not known, only that it lies between `previous_read_at` (null: no read before) and
    `seen_at`. `previous_state` is the last known one before (null at the first read; unknown only if none was known).
    `erp_changed_at` is the ERP's own upper bound where it has one.
    """

    # No index of their own: change_by_period and change_once_per_attempt begin with them, and facts stay for ever.
    period = models.ForeignKey(FiscalPeriod, on_delete=models.PROTECT, related_name="changes", db_index=False)
    attempt = models.ForeignKey(SyncAttempt, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=12, choices=[(s, s) for s in STATES])
    previous_state = models.CharField(max_length=12, choices=[(s, s) for s in STATES], null=True)
    because = models.TextField()
    facts = models.ForeignKey(
        NativeFacts, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    seen_at = models.DateTimeField()
    previous_read_at = models.DateTimeField(null=True)
    erp_changed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["period", "seen_at"], name="change_by_period"),
            models.Index(
                fields=["seen_at"],
                condition=Q(previous_state="closed", state__in=["open", "on_hold"]),
                name="change_that_reopens",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["attempt", "period"], name="change_once_per_attempt"),
            models.CheckConstraint(condition=Q(state__in=STATES), name="change_state_is_known_word"),
            models.CheckConstraint(
                condition=Q(previous_read_at=None) | Q(previous_read_at__lte=F("seen_at")),
                name="change_seen_in_order",
            ),
        ]


class Remark(models.Model):
    """A person's remark on an entity's period; a trigger refuses any update or delete.

    A note may be written before a period is known, as of an entity that was never read: it then names the entity and
    the reporting month, and belongs to the month's period once there is one.

    An edited note is a new row that `replaces` the old one; a withdrawn note is a row too. Of reasons, expected dates
    and acknowledgements the newest counts.
    """

    # `remark_by_period` begins with it.
    period = models.ForeignKey(
        FiscalPeriod, on_delete=models.PROTECT, null=True, related_name="remarks", db_index=False
    )
    entity = models.ForeignKey(
        LegalEntity, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    reporting_month = models.DateField(null=True)
    kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in RemarkKind])
    text = models.CharField(max_length=MAX_REMARK_LENGTH, blank=True)
    reason = models.CharField(max_length=30, choices=[(r.value, r.value) for r in OverdueReason], blank=True)
    expected_on = models.DateField(null=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="remarks")
    at = models.DateTimeField()
    # One to one: of two people who edit the same note at once, the second gets an error.
    replaces = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="replaced_by")
    withdrawn = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["period", "at"], name="remark_by_period"),
            models.Index(
                fields=["entity", "reporting_month"], name="remark_without_period", condition=Q(period=None)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(period__isnull=False, entity=None, reporting_month=None)
                | Q(kind="note", period=None, entity__isnull=False, reporting_month__isnull=False),
                name="remark_is_of_a_period_or_month",
            ),
            models.CheckConstraint(
                condition=Q(kind="note", reason="", expected_on=None)
                | Q(
                    kind="overdue_reason",
                    reason__in=[r.value for r in OverdueReason],
                    expected_on=None,
                    replaces=None,
                )
                | Q(kind="expected_close", reason="", expected_on__isnull=False, replaces=None)
                | Q(kind="acknowledgement", reason="", expected_on=None, replaces=None),
                name="remark_says_what_its_kind_says",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn=False) | Q(kind="note", text="", replaces__isnull=False),
                name="remark_withdrawn_is_of_a_note",
            ),
            models.CheckConstraint(
                condition=~Q(kind="note", text="", withdrawn=False), name="remark_note_has_text"
            ),
        ]

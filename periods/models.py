"""Attempts to read, fiscal periods with their native facts and states, policies, deadlines, claimed ticks."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now

from closing.facts.period_remarks import MAX_REMARK_LENGTH, OverdueReason, RemarkKind
from closing.facts.readings import GapReason, PeriodType
from closing.judging.standing import LatenessUnit
from closing.judging.states import PeriodState
from entities.models import CODE_PATTERN, Connection, Group, LegalEntity, Person

STATES = [state.value for state in PeriodState]


class SyncAttempt(models.Model):
    """One attempt to read a connection; its id, given at the start, is the fence: older news never beats newer.

    `started_at` is the moment the reading speaks for. While running it is the connection's lease, until `lease_until`
    (the database's clock). `words` says in a sentence what went wrong; `retry_at` is when to come back, if told.
    """

    class Outcome(models.TextChoices):
        RUNNING = "running", "Running"
        OK = "ok", "Read"
        PARTIAL = "partial", "Read in part"
        UNAVAILABLE = "unavailable", "Unavailable"
        REFUSED = "refused", "Refused"
        MISREAD = "misread", "Not understood"
        ABANDONED = "abandoned", "Abandoned"

    READ_OUTCOMES: ClassVar[list[str]] = [Outcome.OK.value, Outcome.PARTIAL.value]

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="attempts")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField()
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.RUNNING)
    http_status = models.PositiveSmallIntegerField(null=True)
    pages = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    changes = models.PositiveIntegerField(default=0)
    words = models.TextField(blank=True)
    retry_at = models.DateTimeField(null=True)
    clock_skew_seconds = models.IntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["connection", "-started_at"], name="attempt_by_connection"),
            models.Index(fields=["connection", "-id"], name="attempt_by_turn"),
            # Of a connection that has failed for months, the newest good read lies behind all these failures.
            models.Index(
                fields=["connection", "-started_at"],
                condition=Q(outcome__in=["ok", "partial"]),
                name="attempt_that_read",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=Q(outcome="running"),
                name="attempt_one_running_per_connection",
            ),
            models.CheckConstraint(
                condition=Q(outcome="running", finished_at=None)
                | (~Q(outcome="running") & Q(finished_at__isnull=False)),
                name="attempt_finished_unless_running",
            ),
        ]


class ConnectionClock(models.Model):
    """What pacing needs of a connection's attempts; a trigger on the attempts writes it (migration 0006, ADR 0017).

    `attempted_at`, `running` and `retry_at` are those of the newest attempt, by id. `failed_in_a_row` counts finished
    attempts since the last good one, up to 12. `read_at` is the latest moment that a good attempt speaks for. Apart
    from Connection, where any write is news for all rows of its entities.
    """

    connection = models.OneToOneField(
        Connection, primary_key=True, on_delete=models.CASCADE, related_name="clock"
    )
    attempted_at = models.DateTimeField(null=True)
    running = models.BooleanField(default=False)
    retry_at = models.DateTimeField(null=True)
    failed_in_a_row = models.PositiveSmallIntegerField(default=0)
    read_at = models.DateTimeField(null=True)


class SyncGap(models.Model):
    """An entity that an otherwise good attempt did not bring, and why."""

    attempt = models.ForeignKey(SyncAttempt, on_delete=models.CASCADE, related_name="gaps")
    entity = models.ForeignKey(LegalEntity, on_delete=models.CASCADE, related_name="sync_gaps")
    reason = models.CharField(max_length=20, choices=[(r.value, r.value) for r in GapReason])
    words = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["attempt", "entity"], name="gap_once_per_attempt")]


class ReadSpan(models.Model):
    """A run of good attempts of one connection that all brought this entity: interval coding of "when was it read".

    While the run goes on `last_attempt` is null and the entity's last reading is the connection's last good attempt,
    so that an uneventful read writes no row per entity (ADR 0004).
    """

    entity = models.ForeignKey(LegalEntity, on_delete=models.CASCADE, related_name="read_spans")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    first_attempt = models.ForeignKey(SyncAttempt, on_delete=models.CASCADE, related_name="+")
    first_read_at = models.DateTimeField()
    last_attempt = models.ForeignKey(SyncAttempt, null=True, on_delete=models.CASCADE, related_name="+")
    last_read_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["entity", "-first_read_at"], name="readspan_by_entity")]
        constraints = [
            models.UniqueConstraint(
                fields=["entity"], condition=Q(last_attempt=None), name="readspan_one_open"
            ),
            models.CheckConstraint(
                condition=Q(last_attempt=None, last_read_at=None)
                | Q(last_attempt__isnull=False, last_read_at__gte=F("first_read_at")),
                name="readspan_ends_in_order",
            ),
        ]


class NativeFacts(models.Model):
    """What an ERP said about a period, word for word; kept once for all periods of which it said the same."""

    digest = models.CharField(max_length=64, unique=True)
    body = models.JSONField()


class FiscalPeriod(models.Model):
    """A period of one entity's fiscal calendar with its newest state; how it came to be lies in StateChange.

    `erp_key` names it within the entity for ever; two periods may share their dates (operating and closing).
    `reporting_month` is a first of month; by rule the month whose end is nearest, unless an administrator mapped it.
    """

    entity = models.ForeignKey(
        LegalEntity, on_delete=models.CASCADE, related_name="periods", db_index=False
    )  # period_once_per_entity begins with it
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
    facts = models.ForeignKey(
        NativeFacts, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )  # never deleted, never looked up by

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

    We know when we saw it, not when it happened: between `previous_read_at` (null: never looked) and `seen_at`.
    `previous_state` is the last one known before (null at the first look; never unknown while something was known).
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


class DeadlinePolicy(models.Model):
    """What a group or an entity has agreed about closing; its versions hold the words."""

    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    group = models.OneToOneField(Group, null=True, on_delete=models.CASCADE, related_name="policy")
    entity = models.OneToOneField(LegalEntity, null=True, on_delete=models.CASCADE, related_name="policy")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(group=None, entity__isnull=False) | Q(group__isnull=False, entity=None),
                name="policy_of_group_or_entity",
            ),
            models.CheckConstraint(condition=Q(code__regex=CODE_PATTERN), name="policy_code_is_plain"),
        ]


class PolicyVersion(models.Model):
    """One wording of a policy; a null field leaves the choice to the policy above (entity over group over parent).

    `n` counts working or calendar days after period end by `rule`; for `day_of_month` it is the day. The rule, its
    numbers, its counting and the cut-off go together: a version either has a rule or inherits all of it.
    """

    class Rule(models.TextChoices):
        WORKDAY = "workday", "Nth working day after period end"
        CALENDAR_DAY = "calendar_day", "Calendar days after period end"
        DAY_OF_MONTH = "day_of_month", "Fixed day of the next month"

    policy = models.ForeignKey(DeadlinePolicy, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    rule = models.CharField(max_length=20, choices=Rule, null=True)
    n = models.PositiveSmallIntegerField(null=True)
    n_quarter_end = models.PositiveSmallIntegerField(null=True)
    n_year_end = models.PositiveSmallIntegerField(null=True)
    first_is = models.PositiveSmallIntegerField(null=True)
    cut_off = models.TimeField(null=True)
    alert_after_days = models.PositiveSmallIntegerField(null=True)
    lateness_unit = models.CharField(
        max_length=20, choices=[(u.value, u.value) for u in LatenessUnit], null=True
    )
    on_hold_counts_as_closed = models.BooleanField(null=True)
    ledger_restricted_means_on_hold = models.BooleanField(null=True)
    overdue_reason_required = models.BooleanField(null=True)
    set_at = models.DateTimeField()
    set_by = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_once"),
            models.CheckConstraint(
                condition=Q(
                    rule=None, n=None, n_quarter_end=None, n_year_end=None, first_is=None, cut_off=None
                )
                | Q(rule__in=["workday", "calendar_day", "day_of_month"], n__isnull=False),
                name="policy_rule_has_its_number",
            ),
            models.CheckConstraint(
                condition=Q(first_is=None) | Q(first_is__in=[0, 1]), name="policy_counts_from_0_or_1"
            ),
            models.CheckConstraint(
                condition=~Q(rule="day_of_month") | Q(n__range=(1, 31)), name="policy_day_is_a_day"
            ),
            models.CheckConstraint(
                condition=Q(lateness_unit=None) | Q(lateness_unit__in=[u.value for u in LatenessUnit]),
                name="policy_unit_is_known_word",
            ),
        ]


class AgreedDate(models.Model):
    """A deadline agreed by hand for one entity and reporting month, with who agreed it and why; the newest counts."""

    entity = models.ForeignKey(LegalEntity, on_delete=models.CASCADE, related_name="agreed_dates")
    reporting_month = models.DateField()
    due_on = models.DateField()
    cut_off = models.TimeField(null=True)
    reason = models.TextField()
    agreed_by = models.CharField(max_length=200)
    set_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(agreed_by=""), name="agreed_date_has_reason_and_name"
            ),
            models.CheckConstraint(condition=Q(reporting_month__day=1), name="agreed_month_is_a_first"),
        ]


class PeriodDeadline(models.Model):
    """The deadline set for a period from `set_at` on, with its explanation; a newer row replaces it."""

    period = models.ForeignKey(FiscalPeriod, on_delete=models.CASCADE, related_name="deadlines")
    due_on = models.DateField()
    cut_off = models.TimeField(null=True)
    zone = models.CharField(max_length=64)
    label = models.CharField(max_length=40)
    explanation = models.TextField()
    policy_version = models.ForeignKey(PolicyVersion, null=True, on_delete=models.PROTECT, related_name="+")
    agreed_date = models.ForeignKey(AgreedDate, null=True, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
    current = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["period"], condition=Q(current=True), name="deadline_one_current"
            ),
            models.UniqueConstraint(fields=["period", "set_at"], name="deadline_once_per_moment"),
            models.CheckConstraint(
                condition=Q(policy_version=None) ^ Q(agreed_date=None), name="deadline_by_policy_or_agreement"
            ),
        ]


class News(models.Model):
    """Something that a board shows was written; triggers add these rows, see periods.board_cache.change_feed.

    `ids` are entities, connections or people by `kind`, null for all; `txid` is the transaction that wrote it.
    """

    KINDS: ClassVar[list[str]] = ["rows", "places", "read", "access"]

    kind = models.CharField(max_length=8, choices=[(kind, kind) for kind in KINDS])
    ids = ArrayField(models.BigIntegerField(), null=True)
    txid = models.BigIntegerField(db_default=RawSQL("pg_current_xact_id()::text::bigint", []))
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["txid"], name="news_by_transaction"),
            models.Index(fields=["at"], name="news_by_age"),
        ]


class ClaimedTick(models.Model):
    """A tick of the schedule that somebody took: the guard against two beats and redelivered messages."""

    name = models.CharField(max_length=40)
    slot = models.DateTimeField()
    claimed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "slot"], name="tick_claimed_once")]


class Remark(models.Model):
    """What a person said about an entity's period; a trigger refuses any update or delete.

    An edited note is a new row that `replaces` the old one; a withdrawn note is a row too. Of reasons, expected dates
    and acknowledgements the newest stands.
    """

    period = models.ForeignKey(
        FiscalPeriod, on_delete=models.PROTECT, related_name="remarks", db_index=False
    )  # remark_by_period begins with it
    kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in RemarkKind])
    text = models.CharField(max_length=MAX_REMARK_LENGTH, blank=True)
    reason = models.CharField(max_length=30, choices=[(r.value, r.value) for r in OverdueReason], blank=True)
    expected_on = models.DateField(null=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="remarks")
    at = models.DateTimeField()
    replaces = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="replaced_by"
    )  # once: of two people who edit the same note at once, the second is told
    withdrawn = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["period", "at"], name="remark_by_period")]
        constraints = [
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

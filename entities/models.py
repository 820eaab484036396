"""Groups, legal entities, their calendars and connections, people and memberships."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import Exists, ExpressionWrapper, F, OuterRef, Q
from django.db.models.functions import Lower

from closing.facts.base import FACT_KINDS, require_kind
from infra.secrets import decrypt_secret, encrypt_secret

CODE_PATTERN = r"^[A-Z0-9][A-Z0-9_-]*$"


class PersonManager(BaseUserManager["Person"]):
    """Creates people; e-mail addresses are compared without case."""

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> Person:
        person = self.model(email=email.strip().lower(), **extra)
        person.set_password(password)
        person.save()
        return person

    @transaction.atomic
    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> Person:
        from entities.audit_trail import Verb, person_object, record_act  # noqa: PLC0415 - it imports this module

        person = self.create_user(email, password, is_superuser=True, **extra)
        values = {"email": person.email, "name": person.name, "zone": person.zone, "superuser": True}
        record_act(Verb.PERSON_ADDED, person_object(person), after=values | {"password": "changed"})
        return person

    def get_by_natural_key(self, username: str | None) -> Person:
        return self.get(email=(username or "").strip().lower())


class Person(AbstractBaseUser, PermissionsMixin):
    """A person who signs in or gets notices: finance staff, an owner, an administrator, an auditor."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200)
    zone = models.CharField(max_length=64, default="Europe/London")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[PersonManager] = PersonManager()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="person_email_is_lower_case")
        ]

    def __str__(self) -> str:
        return self.name


class Group(models.Model):
    """A node of the tree group > region > country; `path` lists the codes from the root, each with a slash behind."""

    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    path = models.CharField(max_length=1000, unique=True, db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=CODE_PATTERN), name="group_code_is_plain"),
            models.CheckConstraint(condition=~Q(parent=F("id")), name="group_is_not_its_own_parent"),
            models.CheckConstraint(condition=Q(path__endswith="/"), name="group_path_ends_with_slash"),
        ]

    def __str__(self) -> str:
        return self.name


def weekdays_off() -> list[int]:
    """Saturday and Sunday."""
    return [5, 6]


def ancestor_paths(path: str) -> list[str]:
    """The path of every group on the way to one: "A/B/" gives "A/" and "A/B/"."""
    return [path[: at + 1] for at, letter in enumerate(path) if letter == "/"]


class WorkCalendar(models.Model):
    """The working days of a region: its public holidays, a weekend mask, and days set by hand.

    A blank country counts the weekdays only. `weekend` holds weekday numbers, Monday 0; `holiday_categories` the
    kinds of holidays that are off ("public", "bank"), none where the country's usual one counts.
    """

    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    country = models.CharField(max_length=2, blank=True)
    subdivision = models.CharField(max_length=10, blank=True)
    weekend = ArrayField(models.SmallIntegerField(), default=weekdays_off)
    holiday_categories = ArrayField(models.CharField(max_length=40), default=list, db_default=[])

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=CODE_PATTERN), name="calendar_code_is_plain")
        ]

    def __str__(self) -> str:
        return self.name


class CalendarDay(models.Model):
    """A day set by hand in one calendar: an extra day off, or an extra working day."""

    calendar = models.ForeignKey(WorkCalendar, on_delete=models.CASCADE, related_name="days")
    day = models.DateField()
    working = models.BooleanField()
    name = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["calendar", "day"], name="calendar_day_once")]


class Connection(models.Model):
    """One ERP environment that we read: its address and credentials, how often, and how old a reading may grow.

    `journal_templates` are those of Business Central whose unposted lines are counted; none: its default one.
    """

    # Sealed secrets are bound to it.
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.SlugField(max_length=60, unique=True)
    kind = models.CharField(max_length=20)  # one of closing.facts.base.fact_kinds
    base_url = models.URLField(max_length=300)
    authority = models.URLField(max_length=300, default="https://login.microsoftonline.com")
    tenant = models.CharField(max_length=100)
    environment = models.CharField(max_length=100, blank=True)
    client_id = models.CharField(max_length=100)
    journal_templates = ArrayField(models.CharField(max_length=10), default=list, db_default=[])
    sealed_secret = models.BinaryField(default=b"")
    interval_seconds = models.PositiveIntegerField(default=300)
    stale_after_seconds = models.PositiveIntegerField(default=900)
    paused = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(interval_seconds__gte=5), name="connection_interval_at_least_5_s"
            ),
            models.CheckConstraint(
                condition=Q(stale_after_seconds__gte=F("interval_seconds")),
                name="connection_stale_after_interval",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the connection; raises UnknownFactKind for a kind of ERP that no class is registered for."""
        require_kind(self.kind)
        super().save(*args, **kwargs)

    @property
    def kind_label(self) -> str:
        """The name of its kind of ERP; a kind that is not known here as it is stored."""
        return FACT_KINDS[self.kind].label if self.kind in FACT_KINDS else self.kind

    @property
    def secret(self) -> str:
        """The client secret in clear; raises SecretUnreadable if no key of the ring opens it."""
        return decrypt_secret(bytes(self.sealed_secret), bound_to=f"connection/{self.uid}/secret")

    @secret.setter
    def secret(self, clear: str) -> None:
        self.sealed_secret = encrypt_secret(clear, bound_to=f"connection/{self.uid}/secret")


class LegalEntityQuerySet(models.QuerySet["LegalEntity"]):
    """Legal entities, by the access of a person."""

    def visible_to(self, person: Person | AnonymousUser) -> LegalEntityQuerySet:
        """The entities of a person's memberships, directly or through any group above; all for superusers."""
        return self.through_memberships(person, Q())

    def through_memberships(self, person: Person | AnonymousUser, which: Q) -> LegalEntityQuerySet:
        """As `visible_to`, through those memberships only that pass `which`."""
        if not isinstance(person, Person) or not person.is_active:
            return self.none()
        if person.is_superuser:
            return self
        held = Membership.objects.filter(which, person=person)
        above = (
            held.filter(group__isnull=False)
            .alias(entity_path=ExpressionWrapper(OuterRef("group__path"), output_field=models.CharField()))
            .filter(entity_path__startswith=F("group__path"))
        )
        return self.filter(Exists(held.filter(entity=OuterRef("pk"))) | Exists(above))


class LegalEntity(models.Model):
    """A company that closes its own books; it counts only between `active_from` and `active_to`.

    `erp_id` is the company's id in its connection, compared without case; `erp_identity` its lasting id there,
    pinned at the first read, so that another company of the same name is never taken for it.
    The `deputy` gets notices in the owner's place if the owner is away or may not see it.
    `year_end_month` (1 to 12) decides which months are quarter and year ends.
    """

    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    country = models.CharField(max_length=2)
    zone = models.CharField(max_length=64)
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="entities")
    calendar = models.ForeignKey(WorkCalendar, on_delete=models.PROTECT, related_name="entities")
    owner = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="owned_entities"
    )
    deputy = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="deputised_entities"
    )
    active_from = models.DateField(null=True, blank=True)
    active_to = models.DateField(null=True, blank=True)
    year_end_month = models.PositiveSmallIntegerField(default=12)
    connection = models.ForeignKey(
        Connection, null=True, blank=True, on_delete=models.PROTECT, related_name="entities"
    )
    erp_id = models.CharField(max_length=100, blank=True)
    erp_identity = models.CharField(max_length=100, blank=True)

    objects = LegalEntityQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=CODE_PATTERN), name="entity_code_is_plain"),
            models.CheckConstraint(
                condition=Q(active_to=None) | Q(active_from=None) | Q(active_to__gte=F("active_from")),
                name="entity_active_span_in_order",
            ),
            models.CheckConstraint(
                condition=Q(year_end_month__range=(1, 12)), name="entity_year_end_is_a_month"
            ),
            models.CheckConstraint(condition=~Q(zone=""), name="entity_has_a_zone"),
            models.CheckConstraint(
                condition=Q(connection=None) | ~Q(erp_id=""), name="entity_connected_has_erp_id"
            ),
            models.UniqueConstraint(
                F("connection"),
                Lower("erp_id"),
                name="entity_once_per_connection",
                condition=~Q(connection=None),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """The role of one person for one group (and all below it) or one entity."""

    class Role(models.TextChoices):
        OWNER = "owner", "Owner"
        FINANCE = "finance", "Finance"
        ADMINISTRATOR = "administrator", "Administrator"
        AUDITOR = "auditor", "Auditor"

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)
    group = models.ForeignKey(
        Group, null=True, blank=True, on_delete=models.CASCADE, related_name="memberships"
    )
    entity = models.ForeignKey(
        LegalEntity, null=True, blank=True, on_delete=models.CASCADE, related_name="memberships"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(group=None, entity__isnull=False) | Q(group__isnull=False, entity=None),
                name="membership_of_group_or_entity",
            ),
            models.CheckConstraint(
                condition=Q(role__in=["owner", "finance", "administrator", "auditor"]),
                name="membership_role_is_known",
            ),
            models.UniqueConstraint(
                fields=["person", "role", "group", "entity"], name="membership_once", nulls_distinct=False
            ),
        ]


class SavedView(models.Model):
    """A view of a screen that one person has named: the screen's key, and its filters as a canonical query string.

    A deleted view stays for a while, so that deleting can be undone; `is_start` then says that it was the start page.
    """

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    screen = models.CharField(max_length=30)
    query = models.CharField(max_length=4000, blank=True)
    is_start = models.BooleanField(default=False)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="view_has_a_name"),
            models.CheckConstraint(condition=~Q(screen=""), name="view_is_of_a_screen"),
            models.UniqueConstraint(
                F("person"), Lower("name"), name="view_name_once_per_person", condition=Q(deleted_at=None)
            ),
            models.UniqueConstraint(
                fields=["person"],
                name="one_start_view_per_person",
                condition=Q(is_start=True, deleted_at=None),
            ),
        ]

    def __str__(self) -> str:
        return self.name

"""Destinations besides people: chat channels and signed webhooks."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.module_loading import import_string

from alerts.models.notice import NOTICE_KINDS
from entities.models import Group, Person
from infra.secrets import decrypt_secret, encrypt_secret


def channel_of(destination: int) -> str:
    """The name of a destination's channel in the outbox, by the destination's id."""
    return f"place-{destination}"


class Destination(models.Model):
    """A recipient besides people: a Teams or Slack channel, or a program that accepts signed webhooks.

    It receives the notices of one group's entities. The address is a secret, as anybody who has it can post there. A
    removed destination keeps its row for the history of its messages, without address and secret.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10)  # one of `settings.CHANNEL_KINDS`
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="destinations")
    kinds = ArrayField(models.CharField(max_length=12, choices=NOTICE_KINDS), default=list)
    sealed_url = models.BinaryField()
    host = models.CharField(max_length=255)  # the part of the address that may be shown
    sealed_secret = models.BinaryField(default=b"")
    enabled = models.BooleanField(default=True)
    made_by = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["group", "name"],
                name="destination_name_once_in_a_group",
                condition=Q(removed_at=None),
            ),
            models.CheckConstraint(
                condition=Q(removed_at=None) | Q(enabled=False), name="destination_removed_is_off"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_kind_display(self) -> str:
        """The label of its kind; the stored word where no channel of the kind is installed."""
        path = settings.CHANNEL_KINDS.get(self.kind)
        return self.kind if path is None else str(import_string(path).label)

    @property
    def channel(self) -> str:
        """The name of its channel in the outbox."""
        return channel_of(self.pk)

    @property
    def url(self) -> str:
        """The address in clear; raises SecretUnreadable when no key of the ring opens it."""
        return decrypt_secret(bytes(self.sealed_url), bound_to=f"destination/{self.uid}/url")

    @url.setter
    def url(self, clear: str) -> None:
        self.sealed_url = encrypt_secret(clear, bound_to=f"destination/{self.uid}/url")

    @property
    def secret(self) -> str:
        """The key that webhooks are signed with, in clear; raises SecretUnreadable."""
        return decrypt_secret(bytes(self.sealed_secret), bound_to=f"destination/{self.uid}/secret")

    @secret.setter
    def secret(self, clear: str) -> None:
        self.sealed_secret = encrypt_secret(clear, bound_to=f"destination/{self.uid}/secret")

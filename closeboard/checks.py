"""System checks of `manage.py check --deploy` for settings that would lose work or secrets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import redis
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.db.models import Q

from closing.facts.base import FACT_KINDS
from entities.models import Connection
from infra.secrets import key_ring
from periods.models import NativeFacts

TAG = "closeboard"
KEEPS_ALL = "noeviction"


@register(TAG, deploy=True)
def secret_key_is_ours(app_configs: object, **kwargs: Any) -> Iterator[CheckMessage]:
    """Without a SECRET_KEY each process generates its own, and the next request signs people out."""
    if not settings.SECRET_KEY_IS_OURS:
        yield Error(
            "SECRET_KEY is not set, so every process signs sessions with a key of its own.",
            hint="Set SECRET_KEY in the environment to one long random text for all processes.",
            id="closeboard.E001",
        )


@register(TAG, deploy=True)
def encryption_keys_are_usable(app_configs: object, **kwargs: Any) -> Iterator[CheckMessage]:
    """The key ring must be usable before the first secret is stored."""
    try:
        key_ring()
    except ImproperlyConfigured as error:
        yield Error(str(error), id="closeboard.E002")


@register(TAG, deploy=True)
def redis_keeps_messages(app_configs: object, **kwargs: Any) -> Iterator[CheckMessage]:
    """A Redis that evicts keys when it is full loses queued messages without notice (05-reliability B8)."""
    try:
        policy = _maxmemory_policy()
    except redis.RedisError as error:
        yield Warning(
            f"Redis could not be asked what it does when it is full: {error}",
            hint=f"Make sure that it is reachable at REDIS_URL and that its maxmemory-policy is {KEEPS_ALL}.",
            id="closeboard.W001",
        )
        return
    if policy is None:
        yield Warning(
            "This Redis does not tell its maxmemory-policy.",
            hint=f"Ask its provider or look at its settings page: it must be {KEEPS_ALL}.",
            id="closeboard.W002",
        )
    elif policy != KEEPS_ALL:
        yield Error(
            f"Redis throws keys away when it is full (maxmemory-policy {policy}), queued messages among them.",
            hint=f"Set maxmemory-policy to {KEEPS_ALL}, or set REDIS_URL to a Redis that is used for queues only.",
            id="closeboard.E003",
        )


@register(TAG, deploy=True)
def kinds_of_erp_are_known(app_configs: object, **kwargs: Any) -> Iterator[CheckMessage]:
    """A connection of a kind that no class knows is not read; entities whose stored facts are of one show Unknown."""
    stored_kinds = [facts.stored_kind for facts in FACT_KINDS.values()]
    unread = NativeFacts.objects.exclude(body__kind__in=stored_kinds).values_list("pk", flat=True)
    try:
        concerned = ~Q(kind__in=FACT_KINDS) | Q(entities__periods__facts__in=list(unread))
        names = list(
            Connection.objects.filter(concerned).order_by("name").values_list("name", flat=True).distinct()
        )
    except DatabaseError:  # not migrated yet, or not reachable, which all else says
        return
    for name in names:
        yield Warning(
            f"Connection {name}, or what is stored of it, is of a kind of ERP that this Closeboard does not know.",
            hint=f"It knows: {', '.join(FACT_KINDS)}. Was a later version of Closeboard in use?",
            id="closeboard.W003",
        )


def _maxmemory_policy() -> str | None:
    """The policy, or None when it is hidden: providers of managed Redis hide CONFIG, most still answer INFO."""
    with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3, socket_timeout=3) as server:
        for query in (partial(server.config_get, "maxmemory-policy"), partial(server.info, "memory")):
            try:
                reply: Any = query()
            except redis.ResponseError:  # unknown command, or not permitted
                continue
            policy = reply.get("maxmemory-policy") or reply.get("maxmemory_policy")
            if policy:
                return str(policy)
    return None

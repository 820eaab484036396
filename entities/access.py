"""Access of people: the entities that they may write on or administer, and fingerprints that show a change.

Everybody with a membership may read (`LegalEntity.objects.visible_to`). Finance and administrators of an entity, or
of any group above it, also write there, and so does a person with the role `owner` on the entity itself. Owners of a
group and auditors only read.
"""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.models import Session
from django.db.models import CharField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from entities.models import Group, LegalEntity, LegalEntityQuerySet, Membership, Person
from infra.fast_cursor import fetch_rows

Role = Membership.Role

_WRITES = Q(role__in=[Role.FINANCE, Role.ADMINISTRATOR]) | Q(role=Role.OWNER, entity__isnull=False)
_ADMINISTERS = Q(role=Role.ADMINISTRATOR)


def writable_entities(person: Person | AnonymousUser) -> LegalEntityQuerySet:
    """The entities on which the person may write remarks; a subset of the visible ones."""
    return LegalEntity.objects.through_memberships(person, _WRITES)


def administered_entities(person: Person | AnonymousUser) -> LegalEntityQuerySet:
    """The entities that the person administers; a subset of the writable ones."""
    return LegalEntity.objects.through_memberships(person, _ADMINISTERS)


def administered_groups(person: Person | AnonymousUser) -> QuerySet[Group]:
    """The groups that the person administers, and all below them, in the order of the tree."""
    return groups_with_role(person, _ADMINISTERS)


def groups_with_role(person: Person | AnonymousUser, roles: Q) -> QuerySet[Group]:
    """The groups for which the person has a membership of these roles, and all below them, in the order of the tree.

    Those of a superuser are all groups.
    """
    if not isinstance(person, Person) or not person.is_active:
        return Group.objects.none()
    groups = Group.objects.order_by("path")
    if person.is_superuser:
        return groups
    held = Membership.objects.filter(roles, person=person, group__isnull=False)
    path = ExpressionWrapper(OuterRef("path"), output_field=CharField())
    return groups.filter(Exists(held.alias(below=path).filter(below__startswith=F("group__path"))))


# The entities below a group are part of the access: an entity that moves elsewhere is taken from its old readers,
# although no membership changes. Groups are joined with groups, so the cost does not grow with people x entities.
_ACCESS = """
WITH held AS (
    SELECT membership.person_id, membership.role, membership.entity_id, node.path
    FROM entities_membership AS membership
    LEFT JOIN entities_group AS node ON node.id = membership.group_id
    WHERE membership.person_id = ANY(%(people)s)
), below AS (
    SELECT top.path, md5(string_agg(entity.id::text, ',' ORDER BY entity.id)) AS entities
    FROM (SELECT DISTINCT path FROM held WHERE path IS NOT NULL) AS top
    JOIN entities_group AS node ON starts_with(node.path, top.path)
    JOIN entities_legalentity AS entity ON entity.group_id = node.id
    GROUP BY top.path
), memberships AS (
    SELECT
        held.person_id,
        string_agg(
            concat_ws(' ', held.role, held.path, held.entity_id, below.entities), ';'
            ORDER BY held.role, held.path, held.entity_id
        ) AS listed
    FROM held LEFT JOIN below USING (path)
    GROUP BY held.person_id
)
SELECT
    person.id,
    concat_ws(
        '|', person.is_active, person.is_superuser, md5(person.password),
        CASE WHEN person.is_superuser THEN
            (SELECT md5(string_agg(entity.id::text, ',' ORDER BY entity.id)) FROM entities_legalentity AS entity)
        END,
        memberships.listed
    )
FROM entities_person AS person LEFT JOIN memberships ON memberships.person_id = person.id
WHERE person.id = ANY(%(people)s)
"""


def access_fingerprints(person_ids: Collection[int]) -> dict[int, str]:
    """A fingerprint of the access of each of these people, in one query; people who no longer exist are left out.

    It changes with: active or not, superuser, a membership, the entities below a group of a membership, the password.
    """
    if not person_ids:
        return {}
    return dict(fetch_rows(_ACCESS, {"people": list(person_ids)}))


def open_sessions(session_keys: Collection[str]) -> set[str]:
    """Those of these sessions that exist and have not expired by the database's clock, in one query.

    A changed password ends sessions at their next request only; until then `access_fingerprints` shows it.
    """
    if not session_keys:
        return set()
    sessions = Session.objects.filter(session_key__in=session_keys, expire_date__gt=Now())
    return set(sessions.values_list("session_key", flat=True))

"""Who may read, write and administer which entity, told by memberships alone; and when anybody's access changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from hypothesis import given
from hypothesis import strategies as st

from entities.access import (
    Role,
    access_fingerprints,
    administered_entities,
    open_sessions,
    writable_entities,
)
from entities.group_tree import save_group
from entities.models import Group, LegalEntity, Membership, Person
from tests.hypothesis_profiles import examples
from tests.periods.model_builders import entity, save_four_entities
from tests.sample_entities import NLDT, UKHC, UKRT

pytestmark = pytest.mark.django_db


def somebody(email: str = "rosa@meridian.test", **words: bool) -> Person:
    return Person.objects.create_user(email, "a long enough password", name="Rosa Bell", **words)


def give(person: Person, role: Role, where: Group | LegalEntity) -> Membership:
    place = {"group": where} if isinstance(where, Group) else {"entity": where}
    return Membership.objects.create(person=person, role=role, **place)


def codes(entities: Iterable[LegalEntity]) -> set[str]:
    return {entity.code for entity in entities}


EVERYTHING = {"UKHC", "UKRT", "USRT", "NLDT"}


@pytest.mark.parametrize(
    ("role", "reads", "works", "runs"),
    [
        (Role.OWNER, {"UKHC", "UKRT"}, set(), set()),
        (Role.AUDITOR, {"UKHC", "UKRT"}, set(), set()),
        (Role.FINANCE, {"UKHC", "UKRT"}, {"UKHC", "UKRT"}, set()),
        (Role.ADMINISTRATOR, {"UKHC", "UKRT"}, {"UKHC", "UKRT"}, {"UKHC", "UKRT"}),
    ],
)
def test_a_role_for_a_group_counts_for_all_below_and_nothing_else(
    role: Role, reads: set[str], works: set[str], runs: set[str]
) -> None:
    cast = save_four_entities()
    rosa = somebody()
    give(rosa, role, cast["UKHC"].group)
    assert codes(LegalEntity.objects.visible_to(rosa)) == reads
    assert codes(writable_entities(rosa)) == works
    assert codes(administered_entities(rosa)) == runs


def test_who_owns_one_entity_writes_there_and_only_reads_the_rest() -> None:
    cast = save_four_entities()
    rosa = somebody()
    give(rosa, Role.OWNER, Group.objects.get(code="MERIDIAN"))
    give(rosa, Role.OWNER, cast["NLDT"])
    give(rosa, Role.AUDITOR, cast["USRT"])
    assert codes(LegalEntity.objects.visible_to(rosa)) == EVERYTHING
    assert codes(writable_entities(rosa)) == {"NLDT"}
    assert codes(administered_entities(rosa)) == set()


def test_superusers_may_all_and_who_is_switched_off_or_signed_out_nothing() -> None:
    save_four_entities()
    root, off = somebody("root@meridian.test", is_superuser=True), somebody("off@meridian.test")
    give(off, Role.ADMINISTRATOR, Group.objects.get(code="MERIDIAN"))
    off.is_active = False
    assert codes(writable_entities(root)) == codes(administered_entities(root)) == EVERYTHING
    for nobody in (off, AnonymousUser(), somebody("new@meridian.test")):
        assert not LegalEntity.objects.visible_to(nobody)
        assert not writable_entities(nobody)
        assert not administered_entities(nobody)


def test_codes_that_begin_alike_are_not_below() -> None:
    uk, export = save_group("UK", "UK", None), save_group("UK_", "any letter to LIKE", None)
    ukx = save_group("UKX", "begins with UK", None)
    rosa = somebody()
    give(rosa, Role.FINANCE, uk)
    give(rosa, Role.FINANCE, export)
    entity(UKHC, uk), entity(NLDT, ukx), entity(UKRT, export)
    assert codes(writable_entities(rosa)) == codes(LegalEntity.objects.visible_to(rosa)) == {"UKHC", "UKRT"}


def test_each_answer_is_one_statement() -> None:
    save_four_entities()
    rosa = somebody()
    give(rosa, Role.FINANCE, Group.objects.get(code="MERIDIAN"))
    for entities in (writable_entities, administered_entities):
        with CaptureQueriesContext(connection) as ran:
            list(entities(rosa))
        assert len(ran) == 1


# --- any tree, any memberships, against the rule written plainly ----------------------------------------------------


@dataclass(frozen=True)
class Held:
    role: Role
    code: str
    of_group: bool


TREE = {"TOP": "", "A": "TOP", "A_B": "TOP", "AXB": "TOP", "A1": "A", "A11": "A1"}
PLACES = {f"E-{code}": code for code in TREE}
held = st.builds(Held, st.sampled_from(list(Role)), st.sampled_from(list(TREE)), st.booleans())


def above(group: str) -> set[str]:
    return {group, *above(TREE[group])} if group else set()


def roles_by_rule(memberships: Iterable[Held], code: str) -> set[Role]:
    """The roles for the entity E-<code>, which stands in the group <code>."""
    return {
        each.role
        for each in memberships
        if (each.code in above(code) if each.of_group else each.code == code)
    }


def works_by_rule(memberships: Iterable[Held], code: str) -> bool:
    return any(
        each.role in {Role.FINANCE, Role.ADMINISTRATOR} or (each.role is Role.OWNER and not each.of_group)
        for each in memberships
        if (each.code in above(code) if each.of_group else each.code == code)
    )


@examples(60)
@given(st.frozensets(held, max_size=5))
def test_any_memberships_in_any_tree(memberships: frozenset[Held]) -> None:
    with transaction.atomic():
        groups: dict[str, Group] = {}
        for code, parent in TREE.items():
            groups[code] = save_group(code, code, groups.get(parent))
        entities = {}
        for name, code in PLACES.items():
            entities[code] = entity(UKHC, groups[code], code=name)
        rosa = somebody()
        for each in memberships:
            give(rosa, each.role, groups[each.code] if each.of_group else entities[each.code])

        roles = {code: roles_by_rule(memberships, code) for code in TREE}
        seen = codes(LegalEntity.objects.visible_to(rosa))
        works, runs = codes(writable_entities(rosa)), codes(administered_entities(rosa))
        assert seen == {f"E-{code}" for code in TREE if roles[code]}
        assert works == {f"E-{code}" for code in TREE if works_by_rule(memberships, code)}
        assert runs == {f"E-{code}" for code in TREE if Role.ADMINISTRATOR in roles[code]}
        assert runs <= works <= seen
        transaction.set_rollback(True)


# --- has anybody's access changed? ----------------------------------------------------------------------------------


def turned_off(rosa: Person, cast: dict[str, LegalEntity]) -> None:
    Person.objects.filter(pk=rosa.pk).update(is_active=False)


def made_superuser(rosa: Person, cast: dict[str, LegalEntity]) -> None:
    Person.objects.filter(pk=rosa.pk).update(is_superuser=True)


def given_more(rosa: Person, cast: dict[str, LegalEntity]) -> None:
    give(rosa, Role.AUDITOR, cast["NLDT"])


def given_less(rosa: Person, cast: dict[str, LegalEntity]) -> None:
    rosa.memberships.all().delete()


def given_another_role(rosa: Person, cast: dict[str, LegalEntity]) -> None:
    rosa.memberships.update(role=Role.OWNER)


def entity_moved_away(rosa: Person, cast: dict[str, LegalEntity]) -> None:
    LegalEntity.objects.filter(code="UKRT").update(group=cast["NLDT"].group)


def entity_moved_in(rosa: Person, cast: dict[str, LegalEntity]) -> None:
    LegalEntity.objects.filter(code="NLDT").update(group=cast["UKHC"].group)


def group_moved_in(rosa: Person, cast: dict[str, LegalEntity]) -> None:
    save_group("EUROPE", "Continental Europe", cast["UKHC"].group)


def password_changed(rosa: Person, cast: dict[str, LegalEntity]) -> None:
    rosa.set_password("another long enough password")
    rosa.save()


CHANGES = (
    turned_off,
    made_superuser,
    given_more,
    given_less,
    given_another_role,
    entity_moved_away,
    entity_moved_in,
    group_moved_in,
    password_changed,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_whatever_changes_what_somebody_may_see_changes_their_fingerprint_alone(
    change: Callable[[Person, dict[str, LegalEntity]], None],
) -> None:
    cast = save_four_entities()
    rosa, dana = somebody(), somebody("dana@meridian.test")
    give(rosa, Role.FINANCE, cast["UKHC"].group)
    give(dana, Role.FINANCE, cast["USRT"].group)
    people = [rosa.pk, dana.pk]
    before = access_fingerprints(people)
    assert access_fingerprints(people) == before
    change(rosa, cast)
    after = access_fingerprints(people)
    assert after[rosa.pk] != before[rosa.pk]
    assert after[dana.pk] == before[dana.pk]


def test_what_changes_elsewhere_or_in_looks_only_is_no_change_of_access() -> None:
    cast = save_four_entities()
    rosa = somebody()
    give(rosa, Role.FINANCE, cast["UKHC"].group)
    give(rosa, Role.OWNER, cast["USRT"])
    before = access_fingerprints([rosa.pk])
    LegalEntity.objects.update(name="renamed")
    LegalEntity.objects.filter(code="NLDT").update(group=cast["USRT"].group)
    give(somebody("new@meridian.test"), Role.AUDITOR, cast["UKHC"])
    rosa.last_login = now()
    rosa.save()
    assert access_fingerprints([rosa.pk]) == before


def test_a_superuser_is_told_of_every_new_entity_and_the_gone_are_left_out() -> None:
    cast = save_four_entities()
    root, gone = somebody("root@meridian.test", is_superuser=True), somebody("gone@meridian.test")
    pk = gone.pk
    before = access_fingerprints([root.pk, pk])
    gone.delete()
    entity(UKHC, cast["UKHC"].group, code="NEW")
    after = access_fingerprints([root.pk, pk])
    assert set(after) == {root.pk}
    assert after[root.pk] != before[root.pk]
    assert access_fingerprints([]) == {}


def test_the_access_of_any_number_of_people_is_one_statement() -> None:
    cast = save_four_entities()
    people = [somebody(f"p{n}@meridian.test").pk for n in range(20)]
    Membership.objects.bulk_create(
        Membership(person_id=person, role=Role.FINANCE, group=cast["UKHC"].group) for person in people
    )
    for some in (people[:1], people):
        with CaptureQueriesContext(connection) as ran:
            assert len(access_fingerprints(some)) == len(some)
        assert len(ran) == 1


def test_a_session_is_open_until_it_ends_or_runs_out() -> None:
    rosa = somebody()
    keys = []
    for _ in range(3):
        client = Client()
        client.force_login(rosa)
        keys.append(str(client.session.session_key))
    stays, ended, ran_out = keys
    Session.objects.filter(session_key=ended).delete()
    Session.objects.filter(session_key=ran_out).update(expire_date=now() - timedelta(seconds=1))
    with CaptureQueriesContext(connection) as ran:
        assert open_sessions([*keys, "never-was"]) == {stays}
    assert len(ran) == 1
    assert open_sessions([]) == set()

"""Notices that reach nobody any more: what a failed message and a preference leave to administrators."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from alerts.channels.delivery_errors import PermanentFailure
from alerts.models import Delivery, DeliveryLine, Destination, Notice
from alerts.outbox.endings import record_failure
from alerts.outbox.queue import claim_mail
from alerts.outbox.refusals import FailureHandling
from alerts.outbox.relevance import OutgoingMessage
from alerts.outbox.send_context import SendContext
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.notice_scope import entities_of
from alerts.routing.settings_updates import unsubscribe
from closing.judging.notice_rules import NoticeKind
from entities.models import Group, Person
from tests.db_builders import SampleGroup
from tests.faults.outbox_helpers import raise_notice, save_due_messages, save_late_group

pytestmark = pytest.mark.django_db
KINDS = [
    NoticeKind.LATE,
    NoticeKind.STALE,
    NoticeKind.CLEARED,
    NoticeKind.READ_AGAIN,
    NoticeKind.GROUP_CLOSED,
]


def raised(group: SampleGroup, kind: NoticeKind) -> Notice:
    """Save a notice of this kind: of EU DTC BV, of the connection, or of the UK."""
    if kind in {NoticeKind.LATE, NoticeKind.CLEARED}:
        return raise_notice(group, kind=kind)
    if kind is NoticeKind.GROUP_CLOSED:
        uk = Group.objects.get(code="UK")
        about = {"group_id": uk.pk, "month": date(2026, 5, 1)}
    else:
        about = {"connection_id": group.connection.pk}
    return Notice.objects.create(kind=kind.value, episode=1, raised_at=timezone.now(), fresh=False, **about)


def message_about(notice: Notice, *, to_destination_too: bool) -> Delivery:
    """Save a due message to one person of finance; a post about the notice may wait as well."""
    if to_destination_too:
        now, uid = timezone.now(), uuid4()
        place = Destination.objects.create(
            name="Close", kind="slack", group=Group.objects.get(code="MERIDIAN"), made_at=now
        )
        post = Delivery.objects.create(
            uid=uid, destination=place, channel=place.channel, made_at=now, due_at=now, message_id=f"<{uid}>"
        )
        DeliveryLine.objects.create(delivery=post, notice=notice, destination=place)
    [message] = save_due_messages(notice, 1)
    return message


@pytest.mark.parametrize("to_destination_too", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_message_leaves_its_notices_to_administrators(
    root: Person, kind: NoticeKind, to_destination_too: bool, settings: Settings
) -> None:
    """All but those whose recipients are only informed, though a destination receives them: a person must."""
    settings.MAILS_LEAVE, settings.MAILS_A_MINUTE = True, 0
    message_about(raised(save_late_group(), kind), to_destination_too=to_destination_too)
    claim, context = claim_mail(), SendContext(timezone.now())
    assert claim is not None
    message = OutgoingMessage(claim, context.message(claim), context)
    refused = record_failure(message, PermanentFailure("550 no such person"))
    assert refused is FailureHandling.FAIL
    received = DeliveryLine.objects.filter(recipient=root).exists()
    assert received is (kind is not NoticeKind.CLEARED)


@pytest.mark.parametrize("to_destination_too", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_switched_off_leaves_calls_to_act_to_administrators(
    root: Person, kind: NoticeKind, to_destination_too: bool
) -> None:
    """Good news may reach nobody, and a destination that receives a call to act is enough."""
    message = message_about(raised(save_late_group(), kind), to_destination_too=to_destination_too)
    unsubscribe(message.person, frozenset({kind.value}), timezone.now())
    message.refresh_from_db()
    assert message.state == Delivery.State.CANCELLED
    received = DeliveryLine.objects.filter(recipient=root).exists()
    assert received is (kind in {NoticeKind.LATE, NoticeKind.STALE} and not to_destination_too)


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (NoticeKind.LATE, {"NLDT"}),
        (NoticeKind.GROUP_CLOSED, {"UKRT", "UKHC"}),
        (NoticeKind.STALE, {"NLDT", "UKRT", "UKHC", "USRT"}),
    ],
)
def test_notices_need_their_own_entities_only(kind: NoticeKind, codes: set[str]) -> None:
    group = save_late_group()
    context = EvaluationContext(timezone.now(), entities_of([raised(group, kind)]))
    assert set(context.entities) == {group.entities[code].pk for code in codes}
    assert len(EvaluationContext(timezone.now()).entities) == len(group.entities)

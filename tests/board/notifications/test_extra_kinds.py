"""A kind of notice that only a specification adds, and one that this version does not know, at every public door."""

from __future__ import annotations

import json
from html import unescape
from io import StringIO

import pytest
from django.core import mail
from django.core.management import call_command

from alerts.channels.kinds import Draft, destination_kind
from alerts.evaluate.run import run_evaluation
from alerts.mail.unsubscribe_links import unsubscribe_token
from alerts.models import Delivery, DeliveryLine, Destination, Notice, Subscription
from alerts.notices.notice_specs import SPECS
from alerts.outbox.relevance import relevant_items
from alerts.outbox.send_context import SendContext
from alerts.outbox.sending import send_due_mails
from entities.models import Membership, Person
from tests.alerts.notices.extra_kinds import SIGNED, UNKNOWN
from tests.alerts.scenarios import ALERTED_AT, MINUTE
from tests.board.page_client import signed_in
from tests.db_builders import save_person

pytestmark = pytest.mark.django_db
LABELS = {SIGNED.kind: "Books signed", UNKNOWN: "Audit hold"}
SUBJECTS = {
    SIGNED.kind: "EU DTC BV has signed its books for May 2026",
    UNKNOWN: "EU DTC BV: audit hold for May 2026",
}
NOTES = {SIGNED.kind: "Nothing of the month may change any more.", UNKNOWN: "See its page in Closeboard."}


def rosa() -> Person:
    return Person.objects.get(email="rosa.bell@meridian.test")


def page(url: str, person: Person | None = None, status: int = 200) -> str:
    answer = signed_in(person or rosa()).get(url)
    assert answer.status_code == status
    return unescape(answer.content.decode())


def test_it_is_on_the_page_of_alerts_and_of_its_entity(extra_notice: Notice) -> None:
    label = f"<b>{LABELS[extra_notice.kind]}</b>"
    for url in ("/alerts/", "/alerts/?kind=all", "/entities/NLDT/?month=2026-05"):
        text = page(url)
        assert label in text, url
        assert "A reason of a newer version" in text, url
    assert page("/alerts/").count(label) == 2  # among the open alerts, and in the history
    for url in ("/", "/past-deadline/", "/export/board.csv", "/export/past-deadline.csv"):
        assert signed_in(rosa()).get(url).status_code == 200


def test_a_filter_offers_only_what_is_known(extra_notice: Notice) -> None:
    known = extra_notice.kind in SPECS
    text = page(f"/alerts/?kind={extra_notice.kind}", status=200 if known else 400)
    assert (f'value="{extra_notice.kind}" selected' in text) is known


def test_settings_show_it(extra_notice: Notice) -> None:
    Subscription.objects.create(person=rosa(), kind=extra_notice.kind, rhythm="weekly")
    nadia = save_person("nadia@meridian.test", "Nadia Ward", role=Membership.Role.ADMINISTRATOR)
    label, known = LABELS[extra_notice.kind], extra_notice.kind in SPECS
    assert (label in page("/alerts/subscriptions/")) is known
    assert page("/alerts/destinations/", nadia).count(label) == 3  # each destination names what it receives
    destination = Destination.objects.filter(kind="slack").get()
    form = page(f"/alerts/destinations/{destination.uid}/", nadia)
    assert (f'name="kinds" value="{extra_notice.kind}"' in form) is known


def test_it_is_mailed(extra_notice: Notice) -> None:
    assert send_due_mails(ALERTED_AT + MINUTE) == 2
    assert {each.subject for each in mail.outbox} == {SUBJECTS[extra_notice.kind]}
    body = str(mail.outbox[0].body)
    assert NOTES[extra_notice.kind] in body
    assert "* EU DTC BV\n" in body
    assert DeliveryLine.objects.filter(notice=extra_notice, recipient__isnull=False, left_out="").count() == 2


def test_it_can_be_switched_off_by_the_link_of_its_mail(extra_notice: Notice) -> None:
    send_due_mails(ALERTED_AT + MINUTE)
    assert "List-Unsubscribe" in mail.outbox[0].extra_headers
    url = f"/alerts/unsubscribe/{unsubscribe_token(rosa(), [extra_notice.kind])}/"
    assert f"<li>{LABELS[extra_notice.kind]}</li>" in page(url)
    assert signed_in(rosa()).post(url).status_code == 200
    assert Subscription.objects.get().kind == extra_notice.kind


def test_it_is_posted(extra_notice: Notice) -> None:
    for delivery in Delivery.objects.exclude(destination=None).select_related("destination__group"):
        items, left_out, _ = relevant_items(delivery, SendContext(ALERTED_AT + MINUTE))
        assert (len(items), left_out) == (1, {})
        assert delivery.destination is not None
        post = destination_kind(delivery.destination).compose(Draft(delivery, items, ALERTED_AT + MINUTE))
        assert SUBJECTS[extra_notice.kind] in bytes(post.body).decode()
        if delivery.destination.kind == "webhook":
            (sent,) = json.loads(bytes(post.body))["data"]["notices"]
            assert sent["kind"] == extra_notice.kind


def test_evaluations_and_their_explanation_go_on(extra_notice: Notice) -> None:
    run_evaluation(ALERTED_AT + MINUTE)
    explained = StringIO()
    call_command("explain_alerts", "NLDT", stdout=explained)
    assert "alert: not due, sent already" in explained.getvalue()

"""What somebody gets, through HTTP: chosen, refused with a reason, taken back, switched off from a mail."""

from __future__ import annotations

import re
from datetime import date, time
from html import unescape
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.mail.unsubscribe_links import unsubscribe_token
from alerts.models import AlertRules, Delivery, DeliveryLine, Habits, Subscription
from alerts.routing.preferences import NotificationPreferences, load_preferences
from alerts.routing.settings_updates import update_preferences
from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import Cadence
from entities.models import Group, LegalEntity, Membership, Person, WorkCalendar
from periods.board_cache.cache import BOARD_CACHE
from tests.alerts.scenarios import save_eu_dtc_alert
from tests.board.page_client import signed_in
from tests.builders import utc
from tests.db_builders import save_person, save_sample_group
from tests.sample_entities import TWELVE_ENTITIES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unsubscribe_clock")]
PAGE = "/alerts/subscriptions/"
USUAL = {"digest_at": "08:00", "digest_weekday": "0"}


def herself() -> Person:
    return Person.objects.get(email="rosa.bell@meridian.test")


def page(client: Client) -> str:
    return text_of(client.get(PAGE))


def text_of(answer: Any) -> str:
    """What a reader sees, with the state of each input."""
    content: bytes = answer.content
    return " ".join(unescape(re.sub(r"<(?!input|option|select)[^>]*>", " ", content.decode())).split())


def choose(client: Client, **more: str) -> Any:
    return client.post(PAGE, USUAL | {name.replace("kind_", "kind-"): text for name, text in more.items()})


def last_message(answer: Any) -> Any:
    return list(get_messages(answer.wsgi_request))[-1]


# --- what is shown --------------------------------------------------------------------------------------------------


def test_who_has_chosen_nothing_sees_the_usual(rosa: Client) -> None:
    text = page(rosa)
    assert text.count("Always at once and required") == 5
    assert 'name="kind-alert"' not in text
    assert 'name="kind-late" value="daily" checked' in text
    assert 'name="kind-late" value="at_once"' not in text
    assert 'name="kind-stale" value="at_once" checked' in text
    assert "The next daily digest comes tomorrow 08:00 London time; nothing waits in it yet." in text
    assert "weekly digest would come" not in text
    assert "Restore the defaults" not in text
    assert "You own no entity" in text


def test_each_is_told_of_their_own_hours(rosa: Client) -> None:
    Person.objects.filter(pk=herself().pk).update(zone="America/New_York")
    choose(
        rosa,
        digest_at="06:30",
        kind_late="weekly",
        digest_weekday="2",
        quiet_from="07:00",
        quiet_until="09:15",
    )
    text = page(rosa)
    assert "The next daily digest comes tomorrow 06:30 New York time" in text
    assert "The next weekly digest comes Wed 17 Jun 06:30 New York time" in text
    assert "Quiet hours or days off: notifications at once wait until today 09:15 New York time." in text


def test_what_waits_in_a_digest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    group = save_eu_dtc_alert()
    at = utc("2026-06-15 12:05")
    monkeypatch.setattr("board.web.board_request.now", lambda: at)
    client = signed_in(herself())
    assert "The next daily digest comes tomorrow 08:00 London time; 2 notices wait in it." in page(client)
    Membership.objects.filter(person=herself()).delete()
    Membership.objects.create(person=herself(), role=Membership.Role.FINANCE, entity=group.entities["NLDT"])
    assert "1 notice waits in it" in page(client)  # of the other it is not told even how many there are


def test_a_group_may_let_alerts_wait_for_a_digest(rosa: Client) -> None:
    AlertRules.objects.create(group=Group.objects.get(code="EUROPE"), alerts_in_digest=True)
    text = page(rosa)
    assert "A digest is allowed for Continental Europe only; the others come at once." in text
    assert 'name="kind-alert" value="at_once" checked' in text
    assert 'name="kind-alert" value="never"' not in text
    AlertRules.objects.create(group=Group.objects.get(code="MERIDIAN"), alerts_in_digest=True)
    assert "Your group allows these in a digest; they are required." in page(rosa)


def test_only_calendars_of_ones_own_entities_are_offered(rosa: Client) -> None:
    assert "Netherlands" in page(rosa)
    paul = save_person("paul@meridian.test", "Paul", group="UK")
    assert "Netherlands" not in page(signed_in(paul))
    refused = choose(signed_in(paul), calendar="NL")
    assert refused.status_code == 422
    assert "Choose one of these calendars." in text_of(refused)


def test_who_stands_in_for_whom(rosa: Client) -> None:
    sanne = LegalEntity.objects.get(code="NLDT").owner
    assert sanne is not None
    Membership.objects.create(
        person=sanne, role=Membership.Role.OWNER, entity=LegalEntity.objects.get(code="NLDT")
    )
    assert "no deputy: you are notified" in page(signed_in(sanne))
    LegalEntity.objects.filter(code="NLDT").update(deputy=herself())
    assert "While you are away, deputies are notified for the entities you own: EU DTC BV Rosa Bell" in page(
        signed_in(sanne)
    )
    assert "You stand in for others: EU DTC BV for Sanne de Wit" in page(rosa)


def test_the_page_of_alerts_says_in_which_digest_something_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    save_eu_dtc_alert()
    at = utc("2026-06-15 12:05")
    monkeypatch.setattr("board.web.board_request.now", lambda: at)
    client = signed_in(herself())
    update_preferences(herself(), NotificationPreferences(quiet_from=time(10), quiet_until=time(17)), at)
    alert = DeliveryLine.objects.get(recipient=herself(), notice__kind="alert").delivery
    Delivery.objects.filter(pk=alert.pk).update(due_at=utc("2026-06-15 16:00"))
    text = text_of(client.get("/entities/NLDT/?month=2026-05"))
    assert "In the daily digest of Tue 16 Jun 08:00 to Rosa Bell, Sanne de Wit" in text
    assert "Waits until 17:00: quiet hours or days off to Rosa Bell" in text
    assert "Waiting since 13:00 to Sanne de Wit" in text


# --- what is kept ---------------------------------------------------------------------------------------------------


def test_everything_is_kept_and_shown_again(rosa: Client) -> None:
    calendar = WorkCalendar.objects.get(code="GB")
    answer = choose(
        rosa,
        kind_due_soon="never",
        kind_late="weekly",
        kind_cleared="daily",
        digest_at="07:30",
        digest_weekday="4",
        quiet_from="22:00",
        quiet_until="06:30",
        calendar="GB",
        rests_on_days_off="on",
        away_from="2026-07-01",
        away_until="2026-07-14",
    )
    assert (answer.status_code, answer["Location"]) == (303, PAGE)
    assert load_preferences(herself()) == NotificationPreferences(
        {
            NoticeKind.DUE_SOON: Cadence.NEVER,
            NoticeKind.LATE: Cadence.WEEKLY,
            NoticeKind.CLEARED: Cadence.DAILY,
        },
        time(7, 30),
        4,
        time(22),
        time(6, 30),
        calendar.pk,
        rests_on_days_off=True,
        away_from=date(2026, 7, 1),
        away_until=date(2026, 7, 14),
    )
    text = page(rosa)
    assert 'name="kind-due_soon" value="never" checked' in text
    assert 'value="07:30"' in text
    assert '<option value="4" selected>' in text
    assert "You are away from Wed 1 Jul until Tue 14 Jul." in text


def test_what_is_as_usual_takes_no_row(rosa: Client) -> None:
    choose(rosa, kind_late="daily", kind_stale="at_once")
    assert not Subscription.objects.exists()
    assert not Habits.objects.exists()


def test_a_change_can_be_undone_and_so_can_the_undoing(rosa: Client) -> None:
    choose(rosa, kind_late="weekly")
    answer = choose(rosa, kind_late="never", digest_at="09:00")
    undone = rosa.post(last_message(answer).extra_tags)
    assert load_preferences(herself()) == NotificationPreferences({NoticeKind.LATE: Cadence.WEEKLY})
    rosa.post(last_message(undone).extra_tags)
    assert load_preferences(herself()) == NotificationPreferences({NoticeKind.LATE: Cadence.NEVER}, time(9))


def test_back_to_the_usual(rosa: Client) -> None:
    choose(rosa, kind_late="weekly", quiet_from="22:00", quiet_until="06:30")
    assert "Restore the defaults" in page(rosa)
    answer = rosa.post(f"{PAGE}usual/")
    assert load_preferences(herself()) == NotificationPreferences()
    assert last_message(answer).message == "The defaults are restored."


def test_nobody_undoes_for_somebody_else(rosa: Client) -> None:
    choose(rosa, kind_late="weekly")
    stolen = NotificationPreferences({NoticeKind.LATE: Cadence.NEVER}).token(
        save_person("uma@meridian.test", "Uma")
    )
    assert rosa.post(f"{PAGE}back/{stolen}/").status_code == 404
    assert rosa.post(f"{PAGE}back/nonsense/").status_code == 404
    assert load_preferences(herself()) == NotificationPreferences({NoticeKind.LATE: Cadence.WEEKLY})


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"digest_at": ""}, "digest_at", "Digests need a time"),
        ({"digest_at": "8 o'clock"}, "digest_at", "“8 o'clock” is not a time. Write it like 08:00."),
        ({"digest_weekday": "7"}, "digest_weekday", "Choose a day of the week."),
        ({"quiet_from": "22:00"}, "quiet_until", "Quiet hours need a beginning and an end."),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "quiet_until", "nothing would be sent"),
        ({"away_until": "2026-07-01"}, "away_from", "Enter the first day away."),
        ({"away_from": "2026-07-02", "away_until": "2026-07-01"}, "away_until", "lies before the first one"),
        ({"away_from": "July"}, "away_from", "“July” is not a date. Write it like 2026-08-03."),
        ({"calendar": "x"}, "calendar", "Choose one of these calendars."),
        ({"kind_late": "at_once"}, "kind-late", "That cannot be chosen for these."),
        ({"kind_alert": "never"}, "", "thing needs another look"),
        ({"kind_stale": "hourly"}, "kind-stale", "Choose one of these."),
    ],
)
def test_what_makes_no_sense_is_refused_beside_its_input(
    rosa: Client, typed: dict[str, str], field: str, words: str
) -> None:
    answer = choose(rosa, kind_cleared="weekly" if "kind_cleared" not in typed else "", **typed)
    assert answer.status_code == 422
    html = answer.content.decode()
    assert words in unescape(html)
    assert f'id="{field}-problem"' in html or not field
    assert 'name="kind-cleared" value="weekly" checked' in html  # what was typed is not lost
    assert load_preferences(herself()) == NotificationPreferences()


def test_the_page_costs_the_same_however_much_one_sees() -> None:
    counts = []
    for cast in (TWELVE_ENTITIES[:2], TWELVE_ENTITIES):
        with transaction.atomic():
            save_sample_group(cast)
            client = signed_in(save_person())
            page(client)
            with CaptureQueriesContext(connection) as queries:
                page(client)
            counts.append(len(queries))
            transaction.set_rollback(True)
        BOARD_CACHE.clear()
    assert counts[0] == counts[1]
    assert counts[0] <= 26


# --- switching off from a mail --------------------------------------------------------------------------------------


def link(*kinds: NoticeKind) -> str:
    return f"/alerts/unsubscribe/{unsubscribe_token(herself(), kinds)}/"


def test_looking_at_the_link_changes_nothing_and_one_click_does(rosa: Client) -> None:
    mail_program, where = Client(enforce_csrf_checks=True), link(NoticeKind.DUE_SOON, NoticeKind.LATE)
    looked = mail_program.get(where)
    assert "Switch these mails off?" in text_of(looked)
    assert "Due soon Overdue" in text_of(looked)
    assert not Subscription.objects.exists()
    clicked = mail_program.post(where, {"List-Unsubscribe": "One-Click"})
    assert clicked.status_code == 200
    assert "Switched off You do not get these any more: Due soon Overdue" in text_of(clicked)
    assert load_preferences(herself()).cadences == {
        NoticeKind.DUE_SOON: Cadence.NEVER,
        NoticeKind.LATE: Cadence.NEVER,
    }
    assert "These are switched off already" in text_of(mail_program.get(where))
    assert not mail_program.cookies.get("sessionid")


def test_switching_off_can_be_undone_without_signing_in(rosa: Client) -> None:
    choose(rosa, kind_late="weekly", kind_stale="never")
    mail_program, where = Client(enforce_csrf_checks=True), link(NoticeKind.DUE_SOON, NoticeKind.LATE)
    html = mail_program.post(where).content.decode()
    undo = re.search(r'name="undo" value="([^"]+)"', html)
    assert undo is not None
    choose(rosa, kind_late="never", kind_due_soon="never", kind_stale="daily")  # since then
    assert "Switched on again" in text_of(mail_program.post(where, {"undo": undo[1]}))
    assert load_preferences(herself()).cadences == {
        NoticeKind.LATE: Cadence.WEEKLY,
        NoticeKind.STALE: Cadence.DAILY,
    }
    assert 'name="undo"' in mail_program.post(where).content.decode()
    # A second click has nothing to undo.
    assert 'name="undo"' not in mail_program.post(where).content.decode()


def test_what_waits_is_taken_out_at_once() -> None:
    save_eu_dtc_alert()
    late = DeliveryLine.objects.filter(recipient=herself(), notice__kind="late")
    assert set(late.values_list("delivery__state", "delivery__rhythm")) == {("waiting", "daily")}
    others = DeliveryLine.objects.filter(recipient=herself()).exclude(notice__kind="late").count()
    Client().post(link(NoticeKind.LATE))
    assert set(late.values_list("delivery__state", "left_out")) == {
        ("cancelled", "its recipient has switched this off")
    }
    waiting = DeliveryLine.objects.filter(recipient=herself(), delivery__state="waiting")
    assert waiting.count() == others
    assert not Delivery.objects.filter(state="waiting", lines=None).exists()


@pytest.mark.parametrize("kinds", [(NoticeKind.ALERT,), (NoticeKind.REOPENED, NoticeKind.ESCALATION)])
def test_what_is_promised_cannot_be_switched_off_by_any_link(
    rosa: Client, kinds: tuple[NoticeKind, ...]
) -> None:
    assert Client().post(link(*kinds)).status_code == 404
    Client().post(link(*kinds, NoticeKind.LATE))
    assert load_preferences(herself()).cadences == {NoticeKind.LATE: Cadence.NEVER}


def test_a_link_that_is_wrong_old_or_of_nobody_says_the_same(
    rosa: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = link(NoticeKind.LATE)
    wrong = Client().get(good[:-3] + "x/")
    with monkeypatch.context() as patch:
        patch.setattr("django.core.signing.time.time", lambda: 4e9)
        old = Client().post(good)
    Person.objects.filter(pk=herself().pk).update(is_active=False)
    gone = Client().post(good)
    assert {answer.status_code for answer in (wrong, old, gone)} == {404}
    assert wrong.content == old.content == gone.content
    assert "This link does not work" in text_of(wrong)
    assert not Subscription.objects.exists()

"""The scenarios of the mails in tests/golden/mails, each built by real readings and real evaluations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime

from django.core import mail
from django.core.mail import EmailMultiAlternatives

from alerts.evaluate.run import run_evaluation
from alerts.mail.compose import compose_mail
from alerts.models import Delivery
from alerts.notices.entries import DeliverableNotice
from alerts.outbox.relevance import relevant_items
from alerts.outbox.send_context import SendContext
from alerts.outbox.sending import send_due_mails
from closing.facts.base import NativePeriodFacts
from closing.facts.period_remarks import OverdueReason
from closing.facts.readings import GapReason, ReadGap
from closing.judging.notice_rules import HOLD_DOWN
from closing.judging.notification_schedule import Cadence
from entities.models import Group, LegalEntity, Membership, Person
from periods.models import SyncAttempt
from periods.remarks import acknowledge, set_expected_close, set_overdue_reason
from tests.alerts.evaluations import save_evaluation_span
from tests.builders import CLOSED, FROM_JUNE, FROM_MAY, MAY, OPEN, RESTRICTED, utc
from tests.db_builders import save_person, save_sample_group
from tests.sample_entities import FOUR_ENTITIES, NLDT, TWELVE_ENTITIES, SampleEntity

BASE_URL = "https://close.meridian.test"
MESSAGE_ID = "<5b8f2c1e-0000-4000-8000-000000000001@close.meridian.test>"
HOSTILE = (
    "Évil\r\nBcc: all@meridian.test\x00\x0b\u0085Owner: nobody\u2028\u202egnirts\u202c"
    "<script>alert(1)</script><img src=//x.test/a.png> =?utf-8?q?EU_DTC?= 有限公司"
)


class MailScenario:
    """The group with Rosa, finance of all of it, and her mails over time."""

    def __init__(
        self,
        cast: Iterable[SampleEntity] = FOUR_ENTITIES,
        *,
        own_n: Mapping[str, int] | None = None,
        policy: bool = True,
    ) -> None:
        self.cast = tuple(cast)
        self.group = save_sample_group(self.cast, own_n=own_n, policy=policy)
        self.rosa = save_person()
        self.said: dict[str, NativePeriodFacts] = {who.code: OPEN for who in self.cast}
        self.now = utc("2026-06-01 12:00")
        self.group.read(self.now, self.said)

    def at(self, moment: str | datetime, gaps: Sequence[ReadGap] = (), **news: NativePeriodFacts) -> None:
        """Read every ERP at a moment and evaluate; evaluations ran each minute for a day before."""
        self._watch(moment)
        self.said |= news
        unread = {gap.erp_id.upper() for gap in gaps}
        read = {code: facts for code, facts in self.said.items() if code not in unread}
        self.group.read(self.now, read, gaps=gaps)
        run_evaluation(self.now)

    def unread(self, moment: str | datetime, *, refused: str = "") -> None:
        """Evaluate at a moment without a reading: the ERP was silent, or refused access with the text `refused`."""
        self._watch(moment)
        if refused:
            SyncAttempt.objects.create(
                connection=self.group.connection,
                started_at=self.now,
                finished_at=self.now,
                lease_until=self.now,
                outcome=SyncAttempt.Outcome.REFUSED,
                http_status=401,
                words=refused,
            )
        run_evaluation(self.now)

    def _watch(self, moment: str | datetime) -> None:
        self.now = utc(moment) if isinstance(moment, str) else moment
        save_evaluation_span(self.now, hours=24)

    def sent(self) -> None:
        """Mark all deliveries as sent by now."""
        Delivery.objects.update(state=Delivery.State.SENT, ended_at=self.now)

    def told(
        self, who: Person | None = None, rhythm: Cadence = Cadence.IMMEDIATE
    ) -> tuple[Delivery, list[DeliverableNotice]]:
        """The delivery that waits for a person (Rosa), immediate or in a digest, and its items."""
        waiting = Delivery.objects.select_related("recipient").filter(
            state=Delivery.State.WAITING, rhythm=rhythm
        )
        delivery = waiting.get(recipient=who or self.rosa)
        items, _, _ = relevant_items(delivery, SendContext(self.now))
        delivery.message_id = MESSAGE_ID
        return delivery, items

    def mail(self, who: Person | None = None, rhythm: Cadence = Cadence.IMMEDIATE) -> EmailMultiAlternatives:
        delivery, items = self.told(who, rhythm)
        return compose_mail(delivery, items, self.now)


def _carl() -> Person:
    """The administrator of the group, in New York."""
    carl = Person.objects.create(email="carl.ng@meridian.test", name="Carl Ng", zone="America/New_York")
    Membership.objects.create(
        person=carl, role=Membership.Role.ADMINISTRATOR, group=Group.objects.get(code="MERIDIAN")
    )
    return carl


def alert() -> EmailMultiAlternatives:
    """EU DTC BV on its sixth day late; no reason has been given."""
    story = MailScenario()
    story.at("2026-06-08 15:00", UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED)
    story.at("2026-06-15 12:00")
    return story.mail()


def escalation() -> EmailMultiAlternatives:
    """Its tenth day; Sanne has given a reason and a date, and Rosa has acknowledged. Carl administers the group."""
    story = MailScenario()
    carl = _carl()
    story.at("2026-06-08 15:00", UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED, NLDT=RESTRICTED)
    story.at("2026-06-15 12:00")
    story.sent()
    sanne = story.group.entities["NLDT"].owner
    assert sanne is not None
    Membership.objects.create(
        person=sanne, role=Membership.Role.OWNER, entity=LegalEntity.objects.get(code="NLDT")
    )
    at = utc("2026-06-16 09:30")
    set_overdue_reason(
        sanne, "NLDT", MAY, OverdueReason.LATE_INVOICES, "Two carriers bill\nonly after the 15th.", at
    )
    set_expected_close(sanne, "NLDT", MAY, date(2026, 6, 18), "", at)
    acknowledge(story.rosa, "NLDT", MAY, "I call the carriers.", utc("2026-06-16 10:05"))
    story.at("2026-06-19 12:00")
    return story.mail(carl)


def unconfirmed() -> EmailMultiAlternatives:
    """EU DTC BV would be past its alert line, and its ERP has refused access since the day before."""
    story = MailScenario()
    story.at("2026-06-14 07:12", UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED)
    refused = ReadGap("nldt", GapReason.NO_ACCESS, "The ERP refused access to this company (403).")
    story.at("2026-06-14 08:00", gaps=[refused])
    story.sent()  # the notice that it is no longer read
    story.at("2026-06-15 12:00", gaps=[refused])
    return story.mail()


def reopened() -> EmailMultiAlternatives:
    """US Retail Inc, which Business Central can reopen, is reopened on the day after its deadline."""
    story = MailScenario()
    story.at("2026-06-08 15:00", UKHC=CLOSED, UKRT=CLOSED, USRT=FROM_JUNE, NLDT=CLOSED)
    story.at("2026-06-12 08:12", USRT=FROM_MAY)
    return story.mail()


def permanent() -> EmailMultiAlternatives:
    """US Retail Inc is reopened although Finance & Operations had closed it permanently."""
    story = MailScenario()
    story.at("2026-06-08 15:00", UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED, NLDT=CLOSED)
    story.at("2026-06-12 08:12", USRT=OPEN)
    return story.mail()


def cleared() -> EmailMultiAlternatives:
    """EU DTC BV closes on the ninth day, after its alert was sent."""
    story = MailScenario()
    story.at("2026-06-08 15:00", UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED)
    story.at("2026-06-15 12:00")
    story.sent()
    story.at("2026-06-17 15:00", NLDT=CLOSED)
    story.at(utc("2026-06-17 15:00") + HOLD_DOWN)
    return story.mail()


def mixed() -> EmailMultiAlternatives:
    """All kinds in one mail: two past the alert line, one unread, one reopened, one closed."""
    # A later deadline for FRSA, so that it is reopened before its deadline.
    story = MailScenario(TWELVE_ENTITIES, own_n={"FRSA": 15})
    story.said |= dict.fromkeys(("UKHC", "UKRT", "USHQ", "CALC", "MXCO", "ESIB", "IEOP"), CLOSED)
    story.at("2026-06-09 15:00", FRSA=FROM_JUNE)
    refused = ReadGap("ukws", GapReason.NO_ACCESS, "The ERP refused access to this company (403).")
    story.at("2026-06-17 12:00", gaps=[refused])
    story.at("2026-06-18 08:00", gaps=[refused], DEVT=CLOSED, FRSA=FROM_MAY)
    story.at(utc("2026-06-18 08:00") + HOLD_DOWN, gaps=[refused])
    return story.mail()


def many() -> EmailMultiAlternatives:
    """Three hundred entities past the alert line at once, and one that cannot be read."""
    story = MailScenario(
        SampleEntity(
            f"E{number:03}",
            f"Entity {number:03} {'Ltd' if number % 2 else 'GmbH'}",
            "GB" if number % 2 else "NL",
            "Europe/London" if number % 2 else "Europe/Amsterdam",
            "UK" if number % 2 else "EUROPE",
            ("Amira Hale", "Sanne de Wit", "Tom Okafor")[number % 3],
            NLDT.due_on,
            NLDT.label,
            NLDT.explanation,
        )
        for number in range(1, 302)
    )
    story.at("2026-06-14 15:00")
    refused = ReadGap("e301", GapReason.NO_ACCESS, "The ERP refused access to this company (403).")
    story.at("2026-06-14 16:00", gaps=[refused])
    story.sent()
    story.at("2026-06-15 12:00", gaps=[refused], E150=RESTRICTED)
    return story.mail()


def hostile() -> EmailMultiAlternatives:
    """An entity's name with every harmful character, and an owner and a reason to match."""
    story = MailScenario()
    # PostgreSQL cannot store NUL; all other characters of the name can be in the table.
    name = HOSTILE.replace("\x00", "")
    LegalEntity.objects.filter(code="NLDT").update(name=name)
    Person.objects.filter(owned_entities__code="NLDT").update(name=f"{name[:60]} & Søn")
    Person.objects.filter(pk=story.rosa.pk).update(name=f"Rosa\r\nBcc: x@meridian.test, {name[:40]}")
    story.at("2026-06-08 15:00", UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED)
    text = "As of today.\n\nYou get this as a joke.\n<b>Deadline:</b> never " + "blah " * 100
    set_overdue_reason(
        Person.objects.get(pk=story.rosa.pk), "NLDT", MAY, OverdueReason.OTHER, text, utc("2026-06-10 10:00")
    )
    story.at("2026-06-15 12:00")
    return story.mail()


def due_soon() -> EmailMultiAlternatives:
    """The digest two working days before the deadline: EU DTC BV and UK Retail Ltd are not closed yet."""
    story = MailScenario()
    story.at("2026-06-05 10:00", UKHC=CLOSED)
    return story.mail(rhythm=Cadence.DAILY)


def late() -> EmailMultiAlternatives:
    """The digest of the second day after the deadline; entities closed meanwhile are not in it."""
    story = MailScenario()
    story.at("2026-06-10 10:00", UKHC=CLOSED, USRT=CLOSED)
    story.at("2026-06-11 10:00", UKRT=CLOSED, NLDT=RESTRICTED)
    return story.mail(rhythm=Cadence.DAILY)


def no_deadline() -> EmailMultiAlternatives:
    """No deadline has been agreed for any entity."""
    story = MailScenario(policy=False)
    story.at("2026-06-02 10:00")
    return story.mail(rhythm=Cadence.DAILY)


def stale() -> EmailMultiAlternatives:
    """The ERP has been silent for 35 minutes; one mail for all four entities."""
    story = MailScenario()
    story.at("2026-06-04 09:00", UKHC=CLOSED)
    story.unread("2026-06-04 09:35")
    return story.mail()


def refused() -> EmailMultiAlternatives:
    """Closeboard's client secret has expired; Carl administers the group."""
    story = MailScenario()
    carl = _carl()
    story.at("2026-06-04 09:00", UKHC=CLOSED)
    story.unread(
        "2026-06-04 09:20", refused="The ERP refused the sign-in (401): the client secret has expired."
    )
    return story.mail(carl)


def group_closed() -> EmailMultiAlternatives:
    """EU DTC BV is the last to close, on its deadline."""
    story = MailScenario()
    story.at("2026-06-08 15:00", UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED)
    story.at("2026-06-09 15:00", NLDT=CLOSED)
    story.at(utc("2026-06-09 15:00") + HOLD_DOWN)
    return story.mail()


STORIES: dict[str, Callable[[], EmailMultiAlternatives]] = {
    story.__name__: story
    for story in (
        *(alert, escalation, unconfirmed, reopened, permanent, cleared, mixed, many, hostile),
        *(due_soon, late, no_deadline, stale, refused, group_closed),
    )
}


def send_waiting(story: MailScenario) -> list[str]:
    """Send what waits, digests aside; returns the subjects."""
    Delivery.objects.exclude(rhythm="at_once").filter(state="waiting").update(due_at=utc("2099-01-01 12:00"))
    before = len(mail.outbox)
    send_due_mails(story.now)
    return [str(sent.subject) for sent in mail.outbox[before:]]

"""P7: many entities past the alert line at once, from the evaluation to the mails at a server on loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from alerts.evaluate.run import run_evaluation
from alerts.mail.compose import compose_mail
from alerts.mail.message_lookups import load_lookups
from alerts.models import Delivery
from alerts.outbox.relevance import relevant_items
from alerts.outbox.send_context import SendContext
from alerts.outbox.sending import send_due_mails
from bench import large_group
from bench.measure import Contender, Table, alternate
from bench.scratch_databases import database, execute, number, settle
from closeboard.up import PROJECT

OURS = "alerts.outbox.sending.send_due_mails"
REUSED = "Django, one reused connection, one constant mail"
SAME_MAIL = "Django, one reused connection, a mail of ours"
MIME = "building the MIME only, a mail of ours"
COMPOSE = "composing and building ours"
LONG = timedelta(hours=1)
AS_OF = large_group.AS_OF


def measure(small: bool) -> Iterator[Table]:
    for entities in (1_000,) if small else (1_000, 10_000):
        with database("p7"), sink() as port:
            settings.MAILS_LEAVE, settings.MAILS_A_MINUTE = True, 0
            settings.EMAIL_BACKEND = "alerts.channels.email.transport.SmtpBackend"
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
            settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
            _seed(entities)
            yield _raising(entities)
            yield _sending(entities)


@contextmanager
def sink() -> Iterator[int]:
    """Run a server that accepts everything in a process of its own; yields its port."""
    words = [sys.executable, "-m", "tests.faults.smtp_sink"]
    process = subprocess.Popen(words, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def _seed(entities: int) -> None:
    """Save every entity open three weeks after the end of its month, read a moment ago, with an owner of its own."""
    large_group.seed(entities, months=2)
    execute("ALTER TABLE periods_statechange DISABLE TRIGGER USER")  # a trigger protects history
    execute(
        "DELETE FROM periods_statechange c USING periods_fiscalperiod p"
        " WHERE p.id = c.period_id AND p.reporting_month = %(last)s AND c.state <> 'open'",
        last=large_group.NEWEST,
    )
    execute(
        "UPDATE periods_fiscalperiod p SET state = c.state, because = c.because, facts_id = c.facts_id"
        " FROM periods_statechange c WHERE c.period_id = p.id AND p.reporting_month = %(last)s",
        last=large_group.NEWEST,
    )
    execute(
        """
        INSERT INTO entities_person (password, is_superuser, email, name, zone, is_active, created_at)
        SELECT '', false, 'p' || e.id || '@meridian.test', 'Person ' || e.id, 'Europe/London', true, now()
        FROM entities_legalentity e
        """
    )
    execute(
        """
        INSERT INTO entities_membership (person_id, role, entity_id)
        SELECT p.id, 'finance', e.id FROM entities_legalentity e
        JOIN entities_person p ON p.email = 'p' || e.id || '@meridian.test'
        """
    )
    execute(
        "UPDATE entities_legalentity e SET owner_id = p.id FROM entities_person p"
        " WHERE p.email = 'p' || e.id || '@meridian.test'"
    )
    execute(
        """
        INSERT INTO alerts_evaluationspan (first, last)
        VALUES (%(as_of)s::timestamptz - interval '2 h', %(as_of)s)
        """,
        as_of=AS_OF,
    )
    settle("periods_fiscalperiod", "entities_person", "entities_membership", "entities_legalentity")


def _raising(entities: int) -> Table:
    table = Table("P7", f"evaluate {entities:,} entities that cross the line at once, and write who is told")
    table.figures = alternate(
        [Contender("alerts.evaluate.run.run_evaluation", "ours", lambda: run_evaluation(AS_OF), _forget)]
    )
    table.remarks.append(
        f"{number('SELECT count(*) FROM alerts_notice'):,} notices,"
        f" {number('SELECT count(*) FROM alerts_delivery'):,} messages"
    )
    return table


def _forget() -> None:
    execute(
        "TRUNCATE alerts_deliveryline, alerts_delivery, alerts_notice, alerts_overrun, alerts_overdueflag"
    )


def _sending(entities: int) -> Table:
    count = number("SELECT count(*) FROM alerts_delivery")
    sample = Delivery.objects.select_related("recipient").order_by("pk")[0]
    items, _, _ = relevant_items(sample, SendContext(AS_OF))
    known = load_lookups({row.entity_id for item in items for row in item.rows}, [sample.person.pk])
    ours = compose_mail(sample, items, AS_OF, known)

    def all_again() -> None:
        execute(
            "UPDATE alerts_delivery SET state = 'waiting', ended_at = NULL, lease_until = NULL, attempts = 0,"
            " fence = 0, words = '', due_at = %(as_of)s",
            as_of=AS_OF,
        )
        settle("alerts_delivery")

    def composed() -> None:
        for _ in range(count):
            compose_mail(sample, items, AS_OF, known).message().as_bytes()

    table = Table("P7", f"send {count:,} messages that are due at once, each to one person")
    table.figures = alternate(
        [
            Contender(OURS, "ours", lambda: send_due_mails(AS_OF, run=LONG), all_again, note="one process"),
            Contender(
                REUSED, "baseline", _reusing(count, lambda: _constant("Three words here")), note="3 words"
            ),
            Contender(
                SAME_MAIL, "baseline", _reusing(count, lambda: ours), note="text and HTML, composed once"
            ),
            Contender(MIME, "limit", lambda: [ours.message().as_bytes() for _ in range(count)]),
            Contender(COMPOSE, "beside", composed),
        ]
    )
    table.goal("mails a second, ours over the reused connection", REUSED, OURS, 0.4, at_most=False)
    table.goal("mails a second, ours over the same mail sent again", SAME_MAIL, OURS, 0.4, at_most=False)
    left = number("SELECT count(*) FROM alerts_delivery WHERE state <> 'sent'")
    size = len(ours.message().as_bytes())
    table.remarks.append(
        f"{count / table.of(OURS).median:,.0f} mails/s, {table.of(OURS).median / count * 1000:.2f} ms each,"
        f" {size:,} bytes; not sent after the last round: {left}"
    )
    return table


def _constant(words: str) -> EmailMultiAlternatives:
    return EmailMultiAlternatives(words, words, settings.DEFAULT_FROM_EMAIL, ["rosa.bell@meridian.test"])


def _reusing(count: int, mail: Callable[[], EmailMultiAlternatives]) -> Callable[[], None]:
    def run() -> None:
        server = get_connection()
        server.open()
        for _ in range(count):
            server.send_messages([mail()])
        server.close()

    return run

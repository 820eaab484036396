"""A database put back from a backup sends nothing before somebody has looked (05-reliability C7)."""

from __future__ import annotations

import subprocess
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from psycopg import sql

from alerts.models import Channel, Delivery, Notice
from alerts.outbox.restore_guard import HOLD_REASON, _fingerprint, _key
from alerts.outbox.sending import send_due_mails, send_due_posts
from closeboard.ops import postgres
from tests.databases import database_url
from tests.faults.outbox_helpers import raise_notice, save_due_messages, save_late_group
from tests.faults.smtp_sink import Sink

pytestmark = [pytest.mark.fault, pytest.mark.usefixtures("empty_redis", "mails_to_smtp_sink")]


def backed_up(url: str, folder: Path) -> Path:
    """What pg_dump writes of the database at this moment."""
    dump = folder / "closeboard.dump"
    subprocess.run([_program("pg_dump"), "--format=custom", f"--file={dump}", url], check=True)
    return dump


def _program(name: str) -> Path:
    return postgres.find()[0] / name


def restored(url: str, dump: Path, name: str) -> str:
    """The address of a new database with what the backup holds, which Django in this process uses from now on."""
    with psycopg.connect(database_url(url, "postgres"), autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    subprocess.run([_program("pg_restore"), f"--dbname={database_url(url, name)}", dump], check=True)
    connection.close()
    connection.settings_dict["NAME"] = name
    return database_url(url, name)


def held() -> str:
    channel = Channel.objects.filter(held=True).first()
    return channel.words if channel is not None else ""


def test_c7_what_was_sent_after_the_backup_is_not_sent_again(
    live_database: str, restore_target: str, smtp_sink: Sink, tmp_path: Path
) -> None:
    """Backed up with 5 messages waiting, which then leave; put back, none of them leaves until somebody says so."""
    save_due_messages(raise_notice(save_late_group()), 5)
    send_nothing_yet(smtp_sink)
    dump = backed_up(live_database, tmp_path)
    assert send_due_mails(timezone.now()) == 5
    restored(live_database, dump, restore_target)
    assert Delivery.objects.filter(state="waiting").count() == 5
    for _ in range(3):
        assert send_due_mails(timezone.now()) == send_due_posts(timezone.now()) == 0
    assert len(smtp_sink.copies) == 5
    assert held() == HOLD_REASON
    out = StringIO()
    call_command("mails", "show", stdout=out)
    assert HOLD_REASON in out.getvalue()
    call_command("mails", "release", stdout=StringIO())
    assert held() == ""
    assert send_due_mails(timezone.now()) == 5
    assert send_due_mails(timezone.now()) == 0
    assert held() == ""
    assert smtp_sink.extra == 5  # the same Message-IDs, now that somebody wanted it so


def send_nothing_yet(sink: Sink) -> None:
    """A look at the outbox while no mail leaves, as every start makes one: the place is known from then on."""
    call_command("mails", "hold", stdout=StringIO())
    assert send_due_mails(timezone.now()) == 0
    call_command("mails", "release", stdout=StringIO())
    assert sink.copies == []


def test_c7_a_server_set_back_in_time_is_noticed_too(live_database: str, smtp_sink: Sink) -> None:
    """A volume put back has the same ids, but its newest message is older than the one that we remember."""
    save_due_messages(raise_notice(save_late_group()), 3)
    assert send_due_mails(timezone.now()) == 3
    cache.set(_key(_fingerprint()), 1_000_000, None)
    save_due_messages(Notice.objects.get(), 2, first=10)
    assert send_due_mails(timezone.now()) == 0
    assert held() == HOLD_REASON
    call_command("mails", "release", stdout=StringIO())
    assert send_due_mails(timezone.now()) == 2


def test_c7_a_first_start_and_a_flushed_redis_hold_nothing(live_database: str, smtp_sink: Sink) -> None:
    save_due_messages(raise_notice(save_late_group()), 2)
    assert send_due_mails(timezone.now()) == 2
    cache.clear()
    save_due_messages(Notice.objects.get(), 2, first=10)
    assert send_due_mails(timezone.now()) == 2
    assert held() == ""


def test_c7_a_hold_by_hand_keeps_its_words(live_database: str, smtp_sink: Sink) -> None:
    save_due_messages(raise_notice(save_late_group()), 1)
    call_command("mails", "hold", "--because", "we move tonight", stdout=StringIO())
    cache.set(_key(_fingerprint()), 1_000_000, None)
    assert send_due_mails(timezone.now()) == 0
    assert held() == "we move tonight"

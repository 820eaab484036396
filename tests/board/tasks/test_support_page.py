"""Files and links that support a task: added, opened, withdrawn and restored, by who may."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from closing.close_tasks.task_acts import TaskActRefused
from entities.models import LegalEntity, Person
from infra.models import AuditEvent
from tests.board.page_client import signed_in
from tests.worklist.close_task_builders import person, task_of
from worklist.models import CloseTask, TaskSupport, TaskSupportEvent
from worklist.task_store.support_store import LARGEST_FILE, file_name

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


def add(client: Client, name: str, content: bytes = b"%PDF-1", code: str = "rec") -> tuple[int, str]:
    url = reverse("task_file", args=[task_of(code).uid])
    response = client.post(url, {"file": SimpleUploadedFile(name, content)}, follow=True)
    return response.status_code, response.content.decode()


def change(client: Client, name: str, uid: UUID) -> tuple[int, str]:
    response = client.post(reverse(name, args=[uid]), follow=True)
    return response.status_code, response.content.decode()


def test_a_file_is_kept_with_its_digest_and_only_ever_saved(owner_client: Client, media: Path) -> None:
    status, html = add(owner_client, "Bank März.pdf")
    assert (status, "“Bank März.pdf” is saved." in html) == (200, True)
    support = TaskSupport.objects.get()
    assert f"SHA-256 {support.sha256}" in html
    assert (support.size, (media / support.stored_as).read_bytes()) == (6, b"%PDF-1")
    response = owner_client.get(reverse("support_file", args=[support.uid]))
    assert response.content == b"%PDF-1"
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == "attachment; filename*=utf-8''Bank%20M%C3%A4rz.pdf"
    assert response["X-Content-Type-Options"] == "nosniff"
    after = AuditEvent.objects.get(verb="task.support_added").after
    assert after is not None
    assert after["sha256"] == support.sha256


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("balance.html", b"<script>", "Files of the type .html are not taken: add a PDF"),
        ("logo.svg", b"<svg/>", "Files of the type .svg are not taken"),
        ("run.PDF.exe", b"MZ", "Files of the type .exe are not taken"),
        ("balance", b"x", "The name of the file has no ending that says what it is"),
        (".pdf", b"x", "The name of the file has no ending that says what it is"),
        ("empty.pdf", b"", "“empty.pdf” is empty: choose a file with content."),
        ("huge.pdf", b"0" * (LARGEST_FILE + 1), "“huge.pdf” is larger than 10 MB: add a link to it instead."),
    ],
)
def test_a_hostile_file_is_refused_with_a_sentence(
    owner_client: Client, name: str, content: bytes, words: str
) -> None:
    status, html = add(owner_client, name, content)
    assert (status, words in html) == (422, True)
    assert not TaskSupport.objects.exists()


def test_a_name_that_hides_its_type_is_refused() -> None:
    """A browser's form loses such letters on the way; other callers may not."""
    with pytest.raises(TaskActRefused, match="invisible characters"):
        file_name("invoice\u202efdp.pdf")


def test_a_path_in_a_name_is_dropped(owner_client: Client, media: Path) -> None:
    url = reverse("task_file", args=[task_of("rec").uid])
    for name in ("../../etc/cron.pdf", "C:\\Users\\anna\\cron.pdf"):
        owner_client.post(url, {"file": SimpleUploadedFile(name, b"x")})
    assert list(TaskSupport.objects.values_list("label", flat=True)) == ["cron.pdf", "cron.pdf"]
    assert {path.parent.parent for path in media.rglob("*") if path.is_file()} == {media / "task-support"}


def test_no_file_and_a_foreign_link_are_refused(owner_client: Client) -> None:
    uid = task_of("rec").uid
    response = owner_client.post(reverse("task_file", args=[uid]), {})
    assert (response.status_code, "Choose a file first." in response.content.decode()) == (422, True)
    response = owner_client.post(reverse("task_support", args=[uid]), {"url": "https://evil.example/x"})
    html = response.content.decode()
    assert response.status_code == 422
    assert "Links to evil.example are not allowed: an administrator adds the host to the allow-list." in html
    assert 'value="https://evil.example/x"' in html


def test_hosts_below_a_star_and_hosts_for_links_are_allowed(owner_client: Client, settings: Settings) -> None:
    settings.ERP_ALLOWED_HOSTS = ("*.dynamics.com",)
    settings.TASK_LINK_HOSTS = ("files.meridian.example",)
    url = reverse("task_support", args=[task_of("rec").uid])
    for host in ("meridian.operations.dynamics.com", "files.meridian.example"):
        assert owner_client.post(url, {"url": f"https://{host}/x"}).status_code == 303
    assert owner_client.post(url, {"url": "https://meridian.example/x"}).status_code == 422


def test_withdrawn_support_stays_in_the_history_and_comes_back(owner_client: Client, media: Path) -> None:
    add(owner_client, "bank.pdf")
    support = TaskSupport.objects.get()
    status, html = change(owner_client, "withdraw_support", support.uid)
    assert (status, "“bank.pdf” is withdrawn." in html) == (200, True)
    assert f'action="/tasks/support/{support.uid}/restore/"' in html
    assert "withdrew “bank.pdf”" in html
    gone = owner_client.get(reverse("support_file", args=[support.uid]))
    assert (gone.status_code, "was withdrawn" in gone.content.decode()) == (410, True)
    assert (media / support.stored_as).exists()
    assert change(owner_client, "withdraw_support", support.uid)[0] == 422
    change(owner_client, "restore_support", support.uid)
    assert owner_client.get(reverse("support_file", args=[support.uid])).status_code == 200
    assert list(TaskSupportEvent.objects.order_by("pk").values_list("withdrawn", flat=True)) == [True, False]
    verbs = AuditEvent.objects.filter(verb__startswith="task.support_").order_by("pk")
    assert list(verbs.values_list("verb", flat=True)) == [
        "task.support_added",
        "task.support_withdrawn",
        "task.support_restored",
    ]
    with (
        pytest.raises(DatabaseError, match="never updated"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM worklist_tasksupportevent")


def test_support_of_a_signed_off_task_stays(owner_client: Client) -> None:
    add(owner_client, "bank.pdf")
    CloseTask.objects.filter(code="rec").update(status="signed_off")
    status, html = change(owner_client, "withdraw_support", TaskSupport.objects.get().uid)
    assert (status, "This task is signed off, so its support stays" in html) == (422, True)


@pytest.mark.parametrize("broken", ["gone", "changed"])
def test_a_file_that_is_gone_or_changed_is_not_given(owner_client: Client, media: Path, broken: str) -> None:
    add(owner_client, "bank.pdf")
    support = TaskSupport.objects.get()
    stored = media / support.stored_as
    words = "is not in the store of files"
    if broken == "gone":
        stored.unlink()
    else:
        stored.write_bytes(b"%PDF-2")
        words = "its SHA-256 differs"
    response = owner_client.get(reverse("support_file", args=[support.uid]))
    assert (response.status_code, words in response.content.decode()) == (410, True)


def test_only_who_sees_the_task_opens_its_files_and_only_who_added_withdraws(
    owner_client: Client, anna: Person
) -> None:
    add(owner_client, "bank.pdf")
    support = TaskSupport.objects.get()
    stranger = signed_in(person("Sven Stranger", where=LegalEntity.objects.get(code="USRT")))
    assert stranger.get(reverse("support_file", args=[support.uid])).status_code == 404
    for name in ("withdraw_support", "restore_support"):
        assert change(stranger, name, support.uid)[0] == 404
    auditor = signed_in(person("Audrey Auditor", role="auditor"))
    assert auditor.get(reverse("support_file", args=[support.uid])).status_code == 200
    assert change(auditor, "withdraw_support", support.uid)[0] == 403
    colleague = signed_in(person("Olaf Other"))
    status, html = change(colleague, "withdraw_support", support.uid)
    assert (status, "Only who added this support" in html) == (422, True)
    boss = signed_in(person("Adam Admin", role="administrator"))
    assert change(boss, "withdraw_support", support.uid)[0] == 200

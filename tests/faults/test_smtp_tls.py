"""Mail over TLS: a server that proves who it is gets the mail, one that cannot gets nothing, and nothing is lost."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.utils import timezone
from pytest_django.fixtures import Settings

from alerts.models import Channel, Delivery
from alerts.outbox.sending import send_due_mails
from tests.faults.outbox_helpers import raise_notice, save_due_messages, save_late_group, send_to
from tests.faults.smtp_sink import Sink

pytestmark = [pytest.mark.fault, pytest.mark.django_db]
LOGIN = ("closeboard", "s3cret")


def certificate(folder: Path, *names: str) -> tuple[Path, Path]:
    """A certificate for these names that vouches for itself, and the same with its key behind it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = timezone.now()
    spoken = [x509.IPAddress(ip_address(each)) if each[0].isdigit() else x509.DNSName(each) for each in names]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(spoken), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, whole = folder / f"{names[0]}.pem", folder / f"{names[0]}-key.pem"
    public.write_bytes(made.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    whole.write_bytes(private + public.read_bytes())
    return public, whole


@pytest.fixture(params=["starttls", "from the start"])
def sink(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Sink]:
    """A server that asks for TLS and for a password, and Django in this process set up to use it."""
    with Sink() as running:
        running.login = LOGIN
        running.tls_from_the_start = request.param == "from the start"
        send_to(running, settings)
        settings.EMAIL_HOST = "localhost"
        settings.EMAIL_USE_SSL = running.tls_from_the_start
        settings.EMAIL_USE_TLS = not running.tls_from_the_start
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = LOGIN
        yield running


@pytest.fixture
def message() -> Delivery:
    [message] = save_due_messages(raise_notice(save_late_group()), 1)
    return message


def speak_tls(sink: Sink, whole: Path) -> None:
    sink.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    sink.tls.load_cert_chain(whole)


def state(message: Delivery) -> tuple[str, str]:
    message.refresh_from_db()
    channel = Channel.objects.filter(pk="email").first()
    return message.state, channel.words if channel is not None else ""


def test_a_server_we_can_trust_gets_the_mail(
    sink: Sink, message: Delivery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, whole = certificate(tmp_path, "localhost")
    speak_tls(sink, whole)
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    assert send_due_mails(timezone.now()) == 1
    assert state(message) == ("sent", "")
    assert [copy.recipient for copy in sink.copies] == [message.person.email]


@pytest.mark.parametrize("names", [("localhost",), ("mail.elsewhere.test", "192.0.2.7")], ids=str)
def test_a_server_that_cannot_prove_who_it_is_gets_neither_mail_nor_password(
    sink: Sink, message: Delivery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    """Signed by nobody we trust, or for another name: our settings and the server do not fit, and sending pauses."""
    public, whole = certificate(tmp_path, *names)
    speak_tls(sink, whole)
    if names != ("localhost",):
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
    assert send_due_mails(timezone.now()) == 0
    kept, words = state(message)
    assert kept == "waiting"
    assert "certificate verify failed" in words
    assert sink.copies == []
    assert sink.commands["AUTH"] == 0
    assert send_due_mails(timezone.now()) == 0  # and waits its five minutes
    assert sink.commands["CONNECT"] <= 1


def test_a_server_that_offers_no_tls_gets_no_password(sink: Sink, message: Delivery) -> None:
    sink.tls_from_the_start, sink.tls = False, None
    assert send_due_mails(timezone.now()) == 0
    kept, words = state(message)
    assert kept == "waiting"
    assert words
    assert sink.commands["AUTH"] == 0
    assert sink.copies == []

"""Mail over TLS: a server that proves who it is gets the mail, one that cannot gets nothing, and nothing is lost."""

from __future__ import annotations

import ssl
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

from alerts.models import Channel, Delivery
from alerts.outbox.sending import send_due_mails
from tests.faults.smtp_sink import Sink

pytestmark = [pytest.mark.fault, pytest.mark.django_db]


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


def speak_tls(sink: Sink, whole: Path) -> None:
    sink.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    sink.tls.load_cert_chain(whole)


def state(message: Delivery) -> tuple[str, str]:
    message.refresh_from_db()
    channel = Channel.objects.filter(pk="email").first()
    return message.state, channel.words if channel is not None else ""


def test_a_server_we_can_trust_gets_the_mail(
    tls_smtp_sink: Sink, due_message: Delivery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, whole = certificate(tmp_path, "localhost")
    speak_tls(tls_smtp_sink, whole)
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    assert send_due_mails(timezone.now()) == 1
    assert state(due_message) == ("sent", "")
    assert [copy.recipient for copy in tls_smtp_sink.copies] == [due_message.person.email]


@pytest.mark.parametrize("names", [("localhost",), ("mail.elsewhere.test", "192.0.2.7")], ids=str)
def test_a_server_that_cannot_prove_who_it_is_gets_neither_mail_nor_password(
    tls_smtp_sink: Sink,
    due_message: Delivery,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: tuple[str, ...],
) -> None:
    """Signed by nobody we trust, or for another name: our settings and the server do not fit, and sending pauses."""
    public, whole = certificate(tmp_path, *names)
    speak_tls(tls_smtp_sink, whole)
    if names != ("localhost",):
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
    assert send_due_mails(timezone.now()) == 0
    kept, words = state(due_message)
    assert kept == "waiting"
    assert "certificate verify failed" in words
    assert tls_smtp_sink.copies == []
    assert tls_smtp_sink.commands["AUTH"] == 0
    assert send_due_mails(timezone.now()) == 0  # and waits its five minutes
    assert tls_smtp_sink.commands["CONNECT"] <= 1


def test_a_server_that_offers_no_tls_gets_no_password(tls_smtp_sink: Sink, due_message: Delivery) -> None:
    tls_smtp_sink.tls_from_the_start, tls_smtp_sink.tls = False, None
    assert send_due_mails(timezone.now()) == 0
    kept, words = state(due_message)
    assert kept == "waiting"
    assert words
    assert tls_smtp_sink.commands["AUTH"] == 0
    assert tls_smtp_sink.copies == []

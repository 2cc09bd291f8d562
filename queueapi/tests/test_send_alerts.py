"""manage.py send_alerts, with a real mail server."""

import asyncio
import email
import gc
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from django.core.management import CommandError
from django.utils import timezone
from pytest_django import Settings

from queueapi.models import Alert
from queueapi.tests.helpers import TIMEOUT, database_url, manage
from queues.models import QueueItem
from security.tests.helpers import run
from triggers.tests.helpers import scheduled, scheduler_sets

RECIPIENTS = "rpa@example.org,vagt@example.org"


class MailServer(Controller):
    """A mail server on a free port. It keeps the mails that it took."""

    def __init__(self, **options: Any) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.answer = "250 OK"
        self.arrived, self.may_answer = Event(), Event()
        self.may_answer.set()
        super().__init__(self, hostname="127.0.0.1", port=0, **options)

    def _trigger_server(self) -> None:
        """Set the port, to which aiosmtpd then connects."""
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # of aiosmtpd

    async def handle_DATA(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.arrived.set()
        while not self.may_answer.is_set():
            await server.push(f"{self.answer[:3]}-one moment")  # or the client would time out
            await asyncio.sleep(0.05)
        if self.answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            mail = email.message_from_bytes(content, policy=default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
            self.recipients = envelope.rcpt_tos
        return self.answer

    def body(self) -> str:
        """Return the text of the last mail."""
        return str(self.mails[-1].get_content()).replace("\r\n", "\n")

    def environment(self) -> dict[str, str]:
        """Return the environment variables of a process that uses this server."""
        return {
            "DATABASE_URL": database_url(),
            "EMAIL_URL": f"smtp://127.0.0.1:{self.port}",
            "ALERT_RECIPIENTS": RECIPIENTS,
        }


@pytest.fixture
def server() -> Iterator[MailServer]:
    server = MailServer()
    server.start()
    yield server
    server.may_answer.set()
    server.stop()


@pytest.fixture
def mail_server(settings: Settings, server: MailServer) -> MailServer:
    """Return a mail server that the settings name."""
    use(server, settings)
    return server


def use(server: MailServer, settings: Settings) -> None:
    settings.EMAIL_URL = f"smtp://127.0.0.1:{server.port}"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.ALERT_RECIPIENTS = RECIPIENTS.split(",")
    settings.HOST_NAME, settings.HTTPS = "queue.example.org", True
    settings.DEFAULT_FROM_EMAIL = "queueapi@queue.example.org"


def send() -> str:
    return run("send_alerts")[0].strip()


@pytest.mark.django_db
def test_it_works(mail_server: MailServer) -> None:
    trigger = scheduled(process_status="FAILED", trigger_name="Løn")
    began = f"{timezone.now():%Y-%m-%d %H:%M}"

    assert send() == "Sent: 1 new, 0 over."
    Alert.objects.update(began=timezone.now().replace(2026, 1, 2, 3, 4))
    assert send() == "Nothing to send."
    scheduler_sets(trigger, process_status="IDLE")
    assert send() == "Sent: 0 new, 1 over."

    first, last = mail_server.mails
    assert first["From"] == "queueapi@queue.example.org"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["To"] == "rpa@example.org, vagt@example.org"
    assert mail_server.recipients == RECIPIENTS.split(",")
    assert first["Subject"] == "Queue API: 1 new problem (queue.example.org)"
    assert last["Subject"] == "Queue API: 1 over (queue.example.org)"
    assert first.get_content().splitlines()[2:] == [
        f"{began}  The trigger Løn failed.",
        "",
        "https://queue.example.org/admin/",
    ]
    assert f"Over:\n\n2026-01-02 03:04 – {began[:13]}" in mail_server.body()
    assert not Alert.objects.exists()


@pytest.mark.django_db
def test_one_mail_has_all(mail_server: MailServer) -> None:
    old = scheduled(process_status="FAILED", trigger_name="old")
    send()
    scheduler_sets(old, process_status="IDLE")
    for name in ("a", "b"):
        scheduled(process_status="FAILED", trigger_name=name)
    assert send() == "Sent: 2 new, 1 over."
    assert mail_server.mails[1]["Subject"].startswith("Queue API: 2 new problems, 1 over (")
    parts = mail_server.body().partition("Over:")
    assert [part.count("The trigger") for part in parts] == [2, 0, 1]


@pytest.mark.django_db
def test_mail_is_danish(mail_server: MailServer, settings: Settings) -> None:
    settings.ALERT_LANGUAGE = "da"
    item = QueueItem.objects.create(queue_name="Løn", created_date=timezone.now().replace(2025))
    send()
    assert f"{item.created_date:%d.%m.2025 %H:%M}" in mail_server.body()


@pytest.mark.django_db
def test_long_sections_are_cut(mail_server: MailServer) -> None:
    for number in range(112):
        scheduled(process_status="FAILED", trigger_name=f"T{number}")
    assert send() == "Sent: 112 new, 0 over."
    assert mail_server.body().count("failed.") == 100
    assert "\nand 12 more\n" in mail_server.body()
    assert send() == "Nothing to send."


@pytest.mark.django_db
def test_mail_has_nothing_of_items(mail_server: MailServer) -> None:
    secret = {"data": "secret data", "message": "secret message", "reference": "secret reference"}
    times = {"start_date": timezone.now().replace(2025), "end_date": timezone.now()}
    for status in ["NEW", "IN_PROGRESS", *["FAILED"] * 10]:
        fields = {"created_date": timezone.now().replace(2025), **times, **secret}
        QueueItem.objects.create(queue_name="q", status=status, **fields)
    assert send() == "Sent: 3 new, 0 over."
    assert "secret" not in mail_server.mails[0].as_string() + mail_server.body()


@pytest.mark.django_db
def test_name_adds_no_header_and_no_line(mail_server: MailServer) -> None:
    scheduled(process_status="FAILED", trigger_name="x\r\nBcc: b@example.org\r\n\r\nNew")
    send()
    assert mail_server.recipients == RECIPIENTS.split(",")
    assert mail_server.mails[0]["Bcc"] is None
    assert "The trigger x\\r\\nBcc: b@example.org\\r\\n\\r\\nNew failed." in mail_server.body()


@pytest.mark.django_db
def test_name_of_one_dot_is_sent(mail_server: MailServer) -> None:
    scheduled(process_status="FAILED", trigger_name=".\n.\n")
    send()
    assert "The trigger .\\n.\\n failed." in mail_server.body()


# Without a mail server


@pytest.mark.django_db
def test_nothing_is_recorded_while_alerts_are_off() -> None:
    scheduled(process_status="FAILED")
    assert send() == "Alerts are off; EMAIL_URL and ALERT_RECIPIENTS turn them on."
    assert not Alert.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["EMAIL_URL", "ALERT_RECIPIENTS"])
def test_one_setting_of_two_is_an_error(settings: Settings, name: str) -> None:
    setattr(settings, name, {"EMAIL_URL": "smtp://h", "ALERT_RECIPIENTS": ["a@example.org"]}[name])
    with pytest.raises(CommandError, match="Set both EMAIL_URL and ALERT_RECIPIENTS, or neither"):
        send()
    assert not Alert.objects.exists()


@pytest.mark.django_db
def test_refused_mail_is_sent_by_a_later_run(mail_server: MailServer) -> None:
    mail_server.answer = "554 no"
    trigger = scheduled(process_status="FAILED", trigger_name="short")
    scheduled(process_status="FAILED", trigger_name="long")
    with pytest.raises(CommandError, match="No mail was sent; the next run tries again: 554"):
        send()
    scheduler_sets(trigger, process_status="IDLE")
    with pytest.raises(CommandError):
        send()
    scheduler_sets(trigger, process_status="FAILED")
    mail_server.answer = "250 OK"
    assert send() == "Sent: 2 new, 1 over."
    # The first failure of `short` was over before the mail server was back.
    assert mail_server.body().partition("Over:")[2].count("The trigger short failed.") == 1
    assert send() == "Nothing to send."


@pytest.mark.django_db
def test_end_is_not_lost_while_the_mail_server_is_away(mail_server: MailServer) -> None:
    trigger = scheduled(process_status="FAILED")
    send()
    mail_server.answer = "421 later"
    scheduler_sets(trigger, process_status="IDLE")
    with pytest.raises(CommandError):
        send()
    mail_server.answer = "250 OK"
    assert send() == "Sent: 0 new, 1 over."


@pytest.mark.django_db
@pytest.mark.parametrize("greeting", [b"", b"554 go away\r\n", b"nonsense\r\n"])
def test_server_that_drops_the_connection_is_one_sentence(
    mail_server: MailServer, settings: Settings, greeting: bytes
) -> None:
    scheduled(process_status="FAILED")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.EMAIL_PORT = listener.getsockname()[1]
        thread = Thread(target=lambda: drop(listener, greeting))
        thread.start()
        with pytest.raises(CommandError, match=r"^No mail was sent; [^\n]+$"):
            send()
        thread.join()
    assert Alert.objects.filter(is_mailed=False).count() == 1


def drop(listener: socket.socket, greeting: bytes) -> None:
    """Accept one connection, send this, and close it."""
    client, _ = listener.accept()
    with client:
        client.sendall(greeting)


@pytest.mark.django_db
def test_server_that_is_not_there_is_one_sentence(
    mail_server: MailServer, settings: Settings
) -> None:
    scheduled(process_status="FAILED")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.EMAIL_PORT = listener.getsockname()[1]
    with pytest.raises(CommandError, match=r"^No mail was sent; .*refused[^\n]*$"):
        send()


@pytest.mark.django_db
def test_invalid_sender_is_one_sentence(mail_server: MailServer, settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "a@example.org\r\nBcc: b@example.org"
    scheduled(process_status="FAILED")
    with pytest.raises(CommandError, match="No mail was sent"):
        send()


# Encryption


@pytest.fixture
def unclosed_connections() -> Iterator[None]:
    """Collect connections that Django left open because they failed before a mail."""
    yield
    gc.collect()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Create a key and a certificate for 127.0.0.1."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", key, "-out", certificate, "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return key, certificate


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("unclosed_connections")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
@pytest.mark.django_db
def test_password_is_sent_encrypted_and_never_shown(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key, certificate = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    scheduled(process_status="FAILED")

    def check(
        server: object, session: Session, envelope: object, way: str, data: Any
    ) -> AuthResult:
        return AuthResult(success=data == LoginPassword(b"robot", b"right"), handled=False)

    server = MailServer(tls_context=context, authenticator=check, auth_required=True)
    server.start()
    try:
        use(server, settings)
        settings.EMAIL_USE_TLS, settings.EMAIL_HOST_USER = True, "robot"
        settings.EMAIL_HOST_PASSWORD = "right"
        with pytest.raises(CommandError, match="certificate verify failed"):
            send()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        settings.EMAIL_HOST_PASSWORD = "wrong"
        with pytest.raises(CommandError, match=r"^No mail was sent; .* again: 535$"):
            send()
        settings.EMAIL_HOST_PASSWORD = "right"
        assert send() == "Sent: 1 new, 0 over."
    finally:
        server.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("unclosed_connections")
@pytest.mark.django_db
def test_password_is_not_sent_to_a_server_without_encryption(
    mail_server: MailServer, settings: Settings
) -> None:
    settings.EMAIL_USE_TLS = True
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "robot", "secret"
    scheduled(process_status="FAILED")
    with pytest.raises(CommandError, match="STARTTLS extension not supported by server"):
        send()


# Processes


def start(server: MailServer, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "send_alerts"],
        env={**os.environ, **server.environment(), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.django_db(transaction=True)
def test_second_process_sends_nothing_while_the_first_sends(server: MailServer) -> None:
    scheduled(process_status="FAILED")
    server.may_answer.clear()
    first = start(server)
    assert server.arrived.wait(TIMEOUT)

    second = manage("send_alerts", **server.environment())
    QueueItem.objects.push(queue_name="q")  # nothing is locked

    server.may_answer.set()
    assert first.communicate(timeout=TIMEOUT) == ("Sent: 1 new, 0 over.\n", "")
    assert second.returncode == 0
    assert second.stdout == "Another send_alerts, or migrate, is running on this database.\n"
    assert len(server.mails) == 1


@pytest.mark.django_db(transaction=True)
def test_killed_process_loses_nothing(server: MailServer) -> None:
    scheduled(process_status="FAILED")
    server.may_answer.clear()
    first = start(server)
    assert server.arrived.wait(TIMEOUT)
    first.kill()
    first.communicate()
    server.may_answer.set()

    second = manage("send_alerts", **server.environment())
    assert second.stdout == "Sent: 1 new, 0 over.\n"
    assert Alert.objects.get().is_mailed

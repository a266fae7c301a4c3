"""Mail goes out through a port: SMTP, or the log where no server is set (the embedded default)."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Protocol
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from dossier.core.errors import Invalid
from dossier.core.log import log
from dossier.core.settings import Settings

SECONDS = 30


class Mail(Protocol):
    """What sends a plain-text mail to one address."""

    async def send(self, to: str, subject: str, text: str) -> None:
        """Hand one mail over; returns when the server took it. Raises Invalid, OSError or smtplib.SMTPException."""


class LogMail:
    """Writes mails, links included, to the log: on a machine of one's own, the log is the mailbox."""

    async def send(self, to: str, subject: str, text: str) -> None:
        """Log the mail, as a warning: it went nowhere else."""
        _check(to, subject)
        log.warning("mail", to=to, subject=subject, text=text)


class SmtpMail:
    """Sends by ``smtp://user:password@host:587?from=a@b`` (STARTTLS) or ``smtps://…`` (TLS from the start).

    ``&tls=off`` sends in the clear, for a relay on this machine or network; a password is never sent in the clear.
    """

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        query = parse_qs(self._url.query)
        self._sender = query.get("from", [""])[0]
        self._clear = query.get("tls") == ["off"]
        _require_fit(self._url, self._sender, self._clear)

    async def send(self, to: str, subject: str, text: str) -> None:
        """Send in a thread, so that nobody waits for the server."""
        _check(to, subject)
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, to, subject
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=self._sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        await asyncio.to_thread(self._send, message, to)

    def _send(self, message: EmailMessage, to: str) -> None:
        with self._connect() as server:
            if self._url.scheme == "smtp" and not self._clear:
                server.starttls(context=ssl.create_default_context())  # raises where the server does not offer it
            if self._url.username:
                server.login(unquote(self._url.username), unquote(self._url.password or ""))
            server.send_message(message, self._sender, [to])

    def _connect(self) -> smtplib.SMTP:
        host = self._url.hostname or ""
        if self._url.scheme == "smtps":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, self._url.port or 465, timeout=SECONDS, context=context)
        return smtplib.SMTP(host, self._url.port or 587, timeout=SECONDS)


def from_settings(settings: Settings) -> Mail:
    """The mail that the settings ask for."""
    return SmtpMail(settings.smtp_url) if settings.smtp_url else LogMail()


def _require_fit(url: SplitResult, sender: str, clear: bool) -> None:
    if url.scheme not in ("smtp", "smtps") or not url.hostname:
        raise ValueError("DOSSIER_SMTP_URL starts with smtp:// or smtps:// and names a host.")
    if not sender:
        raise ValueError("DOSSIER_SMTP_URL names a sender: ?from=dossier@example.com")
    if clear and url.username:
        raise ValueError("DOSSIER_SMTP_URL: a password is not sent with tls=off.")
    _check(sender, "")


def _check(to: str, subject: str) -> None:
    # A line break would begin another header; a comma or bracket, another recipient.
    if any(char in to for char in "\r\n,;<>") or not to.isprintable() or to.count("@") != 1:
        raise Invalid("This address cannot get a mail.")
    if not subject.isprintable():
        raise Invalid("A subject is one line.")

"""Mail: what is sent, how the server is spoken to, and what is refused."""

import smtplib
import ssl
from email.message import EmailMessage
from typing import Any, ClassVar

import pytest

from dossier.core import mail
from dossier.core.errors import Invalid
from dossier.core.settings import Settings

URL = "smtp://user%40x:p%2Fw@mail.example:2525?from=dossier@example.com"


class Server:
    """Stands for the SMTP server beyond this machine and notes what it is told."""

    said: ClassVar[list[tuple[Any, ...]]] = []
    offers_tls: ClassVar[bool] = True

    def __init__(self, host: str, port: int, timeout: float, context: ssl.SSLContext | None = None) -> None:
        self.said.append(("connect", host, port, "tls" if context else "plain"))

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.said.append(("quit",))

    def starttls(self, context: ssl.SSLContext) -> None:
        if not self.offers_tls:
            raise smtplib.SMTPNotSupportedError
        self.said.append(("starttls", context.verify_mode is ssl.CERT_REQUIRED))

    def login(self, user: str, password: str) -> None:
        self.said.append(("login", user, password))

    def send_message(self, message: EmailMessage, sender: str, to: list[str]) -> None:
        self.said.append(("send", sender, to, message))


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> type[Server]:
    monkeypatch.setattr(Server, "said", [])
    monkeypatch.setattr(smtplib, "SMTP", Server)
    monkeypatch.setattr(smtplib, "SMTP_SSL", Server)
    return Server


class TestSmtpMail:
    async def test_starts_tls_before_it_signs_in(self, server: type[Server]) -> None:
        await mail.SmtpMail(URL).send("mara@example.com", "Grüße", "Hallo, Welt: ä\n")
        message = server.said[3][3]
        assert server.said == [
            ("connect", "mail.example", 2525, "plain"),
            ("starttls", True),
            ("login", "user@x", "p/w"),
            ("send", "dossier@example.com", ["mara@example.com"], message),
            ("quit",),
        ]
        assert (message["To"], message["Subject"]) == ("mara@example.com", "Grüße")
        assert message.get_content() == "Hallo, Welt: ä\n"
        assert message["Message-ID"].endswith("@example.com>")

    async def test_tls_from_the_start(self, server: type[Server]) -> None:
        await mail.SmtpMail("smtps://mail.example?from=a@b.c").send("m@x.y", "s", "t")
        assert [step[0] for step in server.said] == ["connect", "send", "quit"]
        assert server.said[0] == ("connect", "mail.example", 465, "tls")

    async def test_in_the_clear_only_where_asked(self, server: type[Server], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server, "offers_tls", False)
        with pytest.raises(smtplib.SMTPNotSupportedError):
            await mail.SmtpMail(URL).send("m@x.y", "s", "t")
        assert "login" not in [step[0] for step in server.said]
        await mail.SmtpMail("smtp://relay:25?from=a@b.c&tls=off").send("m@x.y", "s", "t")
        assert [step[0] for step in server.said[-3:]] == ["connect", "send", "quit"]

    @pytest.mark.parametrize(
        "url",
        [
            "mail.example",
            "http://mail.example?from=a@b.c",
            "smtp://mail.example",
            "smtp://?from=a@b.c",
            "smtp://u:p@mail.example?from=a@b.c&tls=off",
        ],
    )
    def test_refuses_an_unfit_address(self, url: str) -> None:
        with pytest.raises(ValueError, match="DOSSIER_SMTP_URL"):
            mail.SmtpMail(url)


@pytest.mark.parametrize("sender", [mail.SmtpMail(URL), mail.LogMail()])
class TestInjection:
    @pytest.mark.parametrize(
        "to",
        ["", "mara", "a@b.c\r\nBcc: x@y.z", "a@b.c\n", "a@b.c,x@y.z", "a@b.c;x@y.z", "<a@b.c>", "a@b@c", "a\x00@b"],
    )
    async def test_of_a_recipient(self, server: type[Server], sender: mail.Mail, to: str) -> None:
        with pytest.raises(Invalid):
            await sender.send(to, "s", "t")
        assert server.said == []

    @pytest.mark.parametrize("subject", ["a\nb", "a\r\nBcc: x@y.z", "a\x00", "a\u2028b"])
    async def test_of_a_header(self, server: type[Server], sender: mail.Mail, subject: str) -> None:
        with pytest.raises(Invalid):
            await sender.send("a@b.c", subject, "t")
        assert server.said == []


class TestLogMail:
    async def test_writes_the_link_where_the_owner_looks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        written: list[dict[str, str]] = []

        class Log:
            def warning(self, event: str, **fields: str) -> None:
                written.append({"event": event, **fields})

        monkeypatch.setattr(mail, "log", Log())
        await mail.LogMail().send("a@b.c", "Invitation", "http://x/join#secret")
        assert written == [{"event": "mail", "to": "a@b.c", "subject": "Invitation", "text": "http://x/join#secret"}]


class TestFromSettings:
    def test_follows_the_address(self) -> None:
        assert isinstance(mail.from_settings(Settings(smtp_url="")), mail.LogMail)
        assert isinstance(mail.from_settings(Settings(smtp_url=URL)), mail.SmtpMail)

"""A mail server of this machine that takes everything and keeps it."""

import re
import socketserver
import threading
from typing import Any


class Mailbox:
    """SMTP on a free port; ``mails`` are the texts that came."""

    def __init__(self) -> None:
        mails = self.mails = list[str]()

        class Handler(socketserver.StreamRequestHandler):
            def say(self, line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

            def handle(self) -> None:
                self.say("220 here")
                while line := self.rfile.readline():
                    match line[:4].upper():
                        case b"DATA":
                            self.say("354 go on")
                            mails.append(self.text())
                            self.say("250 kept")
                        case b"QUIT":
                            self.say("221 bye")
                            return
                        case _:
                            self.say("250 fine")

            def text(self) -> str:
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line.decode())
                return "".join(lines)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def links(self) -> list[str]:
        """The secrets of the links in all mails: what stands after the #."""
        return [link for mail in self.mails for link in re.findall(r"#([\w-]{16,})", mail)]

    @property
    def url(self) -> str:
        """What ``DOSSIER_SMTP_URL`` holds."""
        return f"smtp://127.0.0.1:{self._server.server_address[1]}?from=dossier@example.com&tls=off"

    def __enter__(self) -> "Mailbox":
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

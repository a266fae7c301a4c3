"""AWS's Secrets Manager on this machine: moto's server as a process of its own, on a free port."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

START_SECONDS = 60.0
# What an AWS SDK looks for before it asks the machine's own metadata service, which is not there.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
REGION = "eu-central-1"


class SecretsManager:
    """Ended by its own pid. ``stop`` and ``start`` again: it is the same port, and nothing is in it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._log = folder / "moto.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def address(self, name: str) -> str:
        """What ``DOSSIER_SECRETS`` holds for a secret."""
        return f"aws-secretsmanager://{name}?region={REGION}&endpoint={self.endpoint}"

    def start(self) -> "SecretsManager":
        """Start, and wait until it answers."""
        argv = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                with urlopen(f"{self.endpoint}/moto-api/data.json", timeout=5):
                    return self
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise AssertionError(f"moto did not start:\n{self._log.read_text()}")

    def stop(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(30)

    def keep(self, name: str, text: str) -> None:
        """Make a secret, or give it another value."""
        client = self.client()
        try:
            client.put_secret_value(SecretId=name, SecretString=text)
        except client.exceptions.ResourceNotFoundException:
            client.create_secret(Name=name, SecretString=text)

    def client(self) -> Any:
        """AWS's own client for it."""
        from botocore.session import get_session

        keys = {name.lower(): CREDENTIALS[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        return get_session().create_client("secretsmanager", region_name=REGION, endpoint_url=self.endpoint, **keys)

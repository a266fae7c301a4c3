"""The vault: secrets that the program has to read again (what signs webhooks, credentials of other systems) at rest.

AES-256-GCM (NIST SP 800-38D) under the key of ``DOSSIER_MASTER_KEY``, or embedded under one in the data folder. A box is
version (1 byte), id of the key (8), nonce (12), and the ciphertext with its tag. What it belongs to, table and row, goes in
as associated data, so that a box moved to another row does not open. What is only compared is stored as a digest instead.
"""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from dossier.core.errors import Unavailable
from dossier.core.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION: Final = b"\1"
KEY_BYTES: Final = 32
ID_BYTES, NONCE_BYTES = 8, 12
HEAD_BYTES = len(VERSION) + ID_BYTES + NONCE_BYTES
KEY_FILE: Final = "master.key"


class VaultLocked(Unavailable):
    """No key is set, a box is under a key that is not known here, or it belongs elsewhere. ``detail`` tells which."""

    code = "vault_locked"
    title = "A stored secret cannot be read or kept"


class Vault:
    """Seals and opens under the first of ``keys()``; the others only open. The keys are asked for when first needed."""

    def __init__(self, keys: Callable[[], Sequence[bytes]]) -> None:
        self._keys = keys
        self._known: dict[bytes, bytes] | None = None
        self._first = b""

    @classmethod
    def from_settings(cls, settings: Settings) -> "Vault":
        """Under the keys of the settings; with SQLite and none, under a file in the data folder."""
        return cls(lambda: _keys(settings))

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """A box that opens with the same ``context`` only. Raises VaultLocked where no key is set."""
        known = self._open_up()
        nonce = secrets.token_bytes(NONCE_BYTES)
        head = VERSION + self._first + nonce
        return head + _cipher(known[self._first]).encrypt(nonce, plain, context)

    def open(self, box: bytes, context: bytes) -> bytes:
        """What was sealed. Raises VaultLocked for an unknown key, another context, or a box that was changed."""
        from cryptography.exceptions import InvalidTag

        known = self._open_up()
        key_id, nonce = box[len(VERSION) : len(VERSION) + ID_BYTES], box[HEAD_BYTES - NONCE_BYTES : HEAD_BYTES]
        if box[: len(VERSION)] != VERSION or len(box) < HEAD_BYTES or key_id not in known:
            raise VaultLocked("It was sealed under a key that is not known here; see DOSSIER_MASTER_KEYS_OLD.")
        try:
            return _cipher(known[key_id]).decrypt(nonce, box[HEAD_BYTES:], context)
        except InvalidTag as error:
            raise VaultLocked("It was changed, or belongs to another row.") from error

    def mark(self, what: bytes) -> str:
        """What only a holder of the key can write about ``what``, for others to keep and show (HMAC-SHA-256, in hex).

        Raises VaultLocked where no key is set.
        """
        known = self._open_up()
        return _mark(known[self._first], what)

    def marks(self, what: bytes) -> list[str]:
        """The marks of ``what`` under every key that is known: a mark outlives a change of the key. Raises VaultLocked."""
        return [_mark(key, what) for key in self._open_up().values()]

    def _open_up(self) -> dict[bytes, bytes]:
        if self._known is None:
            keys = self._keys()
            self._first = _id(keys[0])
            self._known = {_id(key): key for key in keys}
        return self._known


def context(table: str, id_: UUID) -> bytes:
    """What a box belongs to: a row of a table."""
    return f"{table}/{id_}".encode()


def parse(text: str) -> bytes:
    """A key of 32 bytes in Base64. Raises ValueError."""
    key = base64.b64decode(text, validate=True)
    if len(key) != KEY_BYTES:
        raise ValueError("A master key is 32 bytes in Base64: openssl rand -base64 32")
    return key


def _cipher(key: bytes) -> "AESGCM":
    # Imported here: the library takes its time, and most starts need no secret.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _mark(key: bytes, what: bytes) -> str:
    # Under a key of its own, so that the one that encrypts does nothing else.
    return hmac.digest(hmac.digest(key, b"dossier marks", "sha256"), what, "sha256").hex()


def _id(key: bytes) -> bytes:
    return hashlib.sha256(b"dossier master key " + key).digest()[:ID_BYTES]


def _keys(settings: Settings) -> list[bytes]:
    old = [parse(text) for text in settings.master_keys_old.replace(",", " ").split()]
    if settings.master_key:
        return [parse(settings.master_key), *old]
    if not settings.database.startswith("sqlite"):
        # A file would be another one on each machine, and gone with a container.
        raise VaultLocked("DOSSIER_MASTER_KEY is not set; with a database server it has to be.")
    return [_from_file(settings.data_dir.absolute() / KEY_FILE), *old]


def _from_file(path: Path) -> bytes:
    """The key of a data folder, made by whoever needs it first: of two at once one wins, and both read the same."""
    try:
        if not path.exists():
            _make(path)
        return parse(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise VaultLocked(f"The key file {path.name} of the data folder cannot be read or made.") from error


def _make(path: Path) -> None:
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(new, path)
        except FileExistsError:
            return
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        new.unlink()

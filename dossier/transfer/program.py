"""What transfer needs of the program, whichever entrance built it."""

from typing import Protocol

from dossier.core.settings import Settings
from dossier.core.units import Units
from dossier.storage import BlobStore


class Program(Protocol):
    """The parts: settings, Units and the blob store."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        ...

    @property
    def units(self) -> Units:
        """Reads and writes of the database."""
        ...

    @property
    def store(self) -> BlobStore:
        """Where bytes lie."""
        ...

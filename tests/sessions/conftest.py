"""The house is the fixture of all tests here."""

from tests.users.house import furnished, house

__all__ = ["furnished", "house"]

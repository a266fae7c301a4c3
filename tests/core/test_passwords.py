"""Passwords."""

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from dossier.core import passwords


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


class TestParameters:
    def test_of_a_hash_and_of_nobodys_are_the_same(self) -> None:
        assert extract_parameters(passwords.NOBODY) == RFC_9106_LOW_MEMORY
        assert not passwords.outdated(passwords.NOBODY)

    def test_another_hash_is_outdated(self) -> None:
        assert passwords.outdated(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x"))


@pytest.mark.usefixtures("cheap")
class TestHashNew:
    @pytest.mark.parametrize("password", ["x" * 10, "x" * 1000, "пароль пароль", "  spaces  count  "])
    async def test_takes(self, password: str) -> None:
        hashed = await passwords.hash_new(password, "a@b.c")
        assert hashed.startswith("$argon2id$")
        assert await passwords.verify(hashed, password)

    @pytest.mark.parametrize("password", ["", "x" * 9, "x" * 1001, "MARA@example.com"])
    async def test_refuses(self, password: str) -> None:
        with pytest.raises(passwords.UnfitPassword) as caught:
            await passwords.hash_new(password, "mara@example.com")
        assert password not in str(caught.value.fields) or not password

    async def test_length_counts_composed_characters(self) -> None:
        with pytest.raises(passwords.UnfitPassword):
            await passwords.hash_new("a\u0308" * 9, "a@b.c")


@pytest.mark.usefixtures("cheap")
class TestVerify:
    async def test_composition_does_not_count_but_case_does(self) -> None:
        hashed = await passwords.hash_new("mörder mörder", "a@b.c")
        assert await passwords.verify(hashed, "mo\u0308rder mo\u0308rder")
        assert not await passwords.verify(hashed, "Mörder mörder")

    @pytest.mark.parametrize("hashed", [None, "", "no hash", "$argon2id$v=19$m=8,t=1,p=1$x$y"])
    async def test_is_false_without_a_good_hash(self, hashed: str | None) -> None:
        assert not await passwords.verify(hashed, "nobody's")

    async def test_nobody_has_a_hash_to_verify(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[str] = []

        def verified(password_hash: str, _: str) -> bool:
            seen.append(password_hash)
            return True

        monkeypatch.setattr(passwords, "_verify", verified)
        assert not await passwords.verify(None, "x")
        assert seen == [passwords.NOBODY]

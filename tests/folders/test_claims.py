"""The names in folders: who has them, which are free, and taking them."""

from uuid import UUID

import pytest

from dossier import folders
from dossier.core.ids import new_id
from dossier.core.units import Unit
from dossier.folders import Claims
from tests.conftest import World


async def there(unit: Unit, folder: UUID, *names: str) -> None:
    """Documents' names."""
    for name in names:
        await folders.claim(unit, folder, name, "document", new_id())


class TestFree:
    @pytest.mark.parametrize(
        ("names", "kind", "free"),
        [
            ([], "document", "A.txt"),
            (["a.txt"], "document", "A (2).txt"),
            (["a.txt", "a (2).txt", "a (4).txt"], "document", "A (3).txt"),
            (["a.txt", *(f"a ({n}).txt" for n in range(2, 41))], "document", "A (41).txt"),
            (["a.txt", "a (2).txt"], "folder", "A.txt (2)"),
        ],
    )
    async def test_the_first_number_that_nobody_has(self, world: World, names: list[str], kind: str, free: str) -> None:
        async def verb(unit: Unit) -> str:
            await there(unit, world.root, *names)
            return await folders.free_name(unit, world.root, "A.txt", kind)

        assert await world.parts.units.run(world.owner.actor, verb) == free


class TestClaims:
    async def test_what_is_taken_is_taken_at_once_and_written_by_keep(self, world: World) -> None:
        ids = [new_id() for _ in range(3)]

        async def verb(unit: Unit) -> list[str]:
            await there(unit, world.root, "a (2)")
            claims = Claims(unit)
            await claims.look([(world.root, "a")] * 2, rename=True)
            given = [await claims.take(world.root, "a", "document", id_, rename=True) for id_ in ids[:2]]
            given.append(await claims.take(world.root, "b", "folder", ids[2]))
            assert await folders.named(unit, world.root, b"b") is None
            assert await claims.holder(world.root, "B") == ("folder", ids[2])
            await claims.keep(unit)
            return given

        assert await world.parts.units.run(world.owner.actor, verb) == ["a", "a (3)", "b"]
        async with world.parts.units.read(world.owner.actor) as unit:
            found = [await folders.named(unit, world.root, key) for key in (b"a", b"a (3)", b"b")]
        assert found == [("document", ids[0]), ("document", ids[1]), ("folder", ids[2])]

    async def test_taken(self, world: World) -> None:
        async def verb(unit: Unit) -> None:
            claims, first = Claims(unit), new_id()
            await claims.take(world.root, "straße", "document", first)
            with pytest.raises(folders.NameTaken) as refusal:
                await claims.take(world.root, "STRASSE", "document", new_id())
            assert refusal.value.extra == {"existing": {"kind": "document", "id": str(first)}}

        await world.parts.units.run(world.owner.actor, verb)

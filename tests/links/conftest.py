"""A link with a real folder on the disk as the other side."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import World


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """The client's network share."""
    path = tmp_path / "acme" / "share"
    path.mkdir(parents=True)
    return path


@dataclass
class Joined:
    """A folder here and the share there, and what people do on both sides."""

    world: World
    share: Path
    folder_id: str = ""
    link_id: str = ""

    async def call(self, method: str, path: str, status: int = 200, **how: Any) -> Any:
        """As the owner."""
        answer = await self.world.owner.client.request(method, f"/api/v1{path}", **how)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def make(self, direction: str = "both", **limits: Any) -> "Joined":
        """The folder, if there is none, and the link; and its first run."""
        if not self.folder_id:
            await self.folder("Shared")
        place = {"kind": "folder", "path": str(self.share)}
        told = {"name": "Share", "folder_id": self.folder_id, "place": place, "direction": direction}
        made = await self.call("POST", "/links", 201, json=told | {"limits": limits})
        self.link_id = made["id"]
        await self.world.work()
        return self

    async def folder(self, name: str) -> None:
        """The folder that is to be linked."""
        self.folder_id = (await self.call("POST", "/folders", 201, json={"name": name}))["id"]

    async def run(self) -> Any:
        """What people did here is noted, then a run that looks at the other side; how the link stands afterwards."""
        await self.world.work()
        await self.call("POST", f"/links/{self.link_id}/run")
        await self.world.work()
        return await self.call("GET", f"/links/{self.link_id}")

    async def add(self, name: str, content: bytes, folder_id: str = "") -> Any:
        """A document here."""
        where = {"name": name, "folder_id": folder_id or self.folder_id}
        return await self.call("POST", "/documents", 201, params=where, content=content)

    async def version(self, document: Any, content: bytes) -> Any:
        """A version here."""
        return await self.call("POST", f"/documents/{document['id']}/versions", 201, content=content)

    async def get(self, document: Any) -> Any:
        """A document as it is now."""
        return await self.call("GET", f"/documents/{document['id']}")

    async def content(self, document: Any, number: int | None = None) -> bytes:
        """Its bytes."""
        part = f"/versions/{number}" if number else ""
        answer = await self.world.owner.client.get(f"/api/v1/documents/{document['id']}{part}/content")
        assert answer.status_code == 200, answer.text
        return answer.content

    async def here(self, folder_id: str = "") -> dict[str, bytes]:
        """Path → content of all documents in the linked folder."""
        folder_id = folder_id or self.folder_id
        found: dict[str, bytes] = {}
        page = await self.call("GET", "/documents", params={"folder_id": folder_id, "limit": 200})
        for document in page["items"]:
            found[document["name"]] = await self.content(document)
        for folder in (await self.call("GET", "/folders", params={"parent_id": folder_id, "limit": 200}))["items"]:
            inside = await self.here(folder["id"])
            found[f"{folder['name']}/"] = b""
            found |= {f"{folder['name']}/{name}": content for name, content in inside.items()}
        return found

    def there(self) -> dict[str, bytes]:
        """Path → content of all files on the share."""
        found: dict[str, bytes] = {}
        for path in sorted(self.share.rglob("*")):
            name = path.relative_to(self.share).as_posix()
            found[f"{name}/" if path.is_dir() else name] = b"" if path.is_dir() else path.read_bytes()
        return found

    async def items(self, **query: Any) -> Any:
        """The link's items."""
        return (await self.call("GET", f"/links/{self.link_id}/items", params=query | {"limit": 200}))["items"]

    async def document(self, name: str, folder_id: str = "") -> Any:
        """A document in the folder by its name."""
        page = await self.call("GET", "/documents", params={"folder_id": folder_id or self.folder_id, "limit": 200})
        return next(each for each in page["items"] if each["name"] == name)


@pytest.fixture
def joined(world: World, share: Path) -> Joined:
    """Not linked yet."""
    return Joined(world, share)

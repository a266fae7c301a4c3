"""What the tests of the screens share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

if TYPE_CHECKING:
    from tests.conftest import Someone, World

API = "/api/v1"


async def got(who: "Someone", path: str, **query: Any) -> Any:
    """The body of a good answer."""
    answer = await who.client.get(f"{API}/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def everything(who: "Someone", path: str, **query: Any) -> list[Any]:
    """All items of a list, page by page."""
    items: list[Any] = []
    for _ in range(200):
        page = await got(who, path, **query)
        assert len(page["items"]) <= query.get("limit", 200)
        items += page["items"]
        if page["next"] is None:
            return items
        query["after"] = page["next"]
    raise AssertionError("it goes on and on")


@contextmanager
def asked(world: "World") -> Iterator[list[tuple[str, Any]]]:
    """The statements that readers are sent meanwhile, with their parameters."""
    statements: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        statements.append((statement, parameters))

    engine = world.parts.database.reader.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


async def plans(world: "World", statements: list[tuple[str, Any]]) -> str:
    """How SQLite goes about these statements."""
    found: list[str] = []
    async with world.parts.database.reader.connect() as connection:
        for statement, parameters in statements:
            if statement.startswith(("SELECT", "WITH")):
                rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                found += [row["detail"] for row in rows.mappings()]
    return "\n".join(found)

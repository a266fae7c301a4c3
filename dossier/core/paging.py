"""Keyset pages: ``?limit=&after=`` → ``{items, next}``. A cursor is opaque; it holds the last row's sort values."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVarTuple

import msgspec
from sqlalchemy import ColumnElement, Select, and_, literal, or_

from dossier.core.errors import Invalid

# A moment in a cursor has a zone; one without would be compared in the machine's own.
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
DEFAULT_LIMIT = 50
MOST = 200
Ts = TypeVarTuple("Ts")


class BadCursor(Invalid):
    """The cursor was not made by this list."""

    code = "bad_cursor"
    title = "The cursor does not belong to this list"


def encode(*values: Any) -> str:
    """The cursor for a row with these sort values (strings, numbers, bytes, ids, moments)."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(values)).rstrip(b"=").decode()


def decode(cursor: str | None, *types: Any) -> tuple[Any, ...] | None:
    """The sort values of a cursor, checked against ``types``; None for no cursor. Raises BadCursor."""
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.msgpack.decode(raw, type=tuple[types])  # type: ignore[valid-type]  # built at run time
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise BadCursor(fields={"after": "Not a cursor of this list."}) from error


def page(rows: list[Any], limit: int, cursor: Any) -> tuple[list[Any], str | None]:
    """Cut ``limit + 1`` fetched rows to a page; ``cursor(row)`` makes the next one's cursor where there is more."""
    kept = rows[:limit]
    return kept, (cursor(kept[-1]) if len(rows) > limit else None)


def beyond(columns: Sequence[Any], values: Sequence[Any], *, down: bool = False) -> ColumnElement[bool]:
    """The rows that come after ``values`` in the order of ``columns``, all rising or (``down``) all falling.

    Values may be bound parameters. Written out, because MySQL and MariaDB walk the whole index for ``(a, b) > (x, y)``; this
    begins at ``x``.
    """
    column, value = columns[0], values[0]
    if not isinstance(value, ColumnElement):
        value = literal(value, column.type)
    further: ColumnElement[bool] = column < value if down else column > value
    if len(columns) == 1:
        return further
    here: ColumnElement[bool] = column <= value if down else column >= value
    return and_(here, or_(further, and_(column == value, beyond(columns[1:], values[1:], down=down))))


def along(query: Select[*Ts], table: Any, index: str) -> Select[*Ts]:
    """Tell MySQL and MariaDB along which index a page of ``table`` lies.

    Left to choose, they read a falling page from the end of the list on, whatever ``beyond`` says, or sort a whole list that
    another index narrows down better.
    """
    return query.with_hint(table, f"FORCE INDEX ({index})", "mysql")

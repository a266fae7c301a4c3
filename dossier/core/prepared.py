"""Statements that are sent with every request: compiled once, sent as they stand, and rows read by what the types say.

SQLAlchemy looks a statement up, prepares its values and wraps its rows anew each time, which takes longer than SQLite needs
to answer. It still sends what is prepared here, so errors, pools and listeners are the same.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import CompoundSelect, Insert, Select, Update, bindparam, insert
from sqlalchemy.engine import Dialect

from dossier.core.db import Base, wrapped

if TYPE_CHECKING:
    from dossier.core.units import ReadUnit, Unit

CONNECTION = "core.connection"
MOST = 500
Processor = Callable[[Any], Any] | None


class Prepared:
    """A statement on tables. A value for an expanding parameter is a list; other names that are given are no fault.

    What the session holds unsaved is saved before; what a change does is not told to objects that the session holds.
    """

    def __init__(self, statement: Select[Any] | CompoundSelect[Any] | Insert | Update) -> None:
        self.statement = statement
        self._made: dict[tuple[Any, ...], _Made] = {}

    async def rows(self, unit: "ReadUnit", values: Mapping[str, Any]) -> list[Any]:
        """The rows of a SELECT as named tuples."""
        made, connection = await self._ready(unit, values)
        parameters = made.parameters(values)
        if unit.direct is None:
            return made.rows((await connection.exec_driver_sql(made.text, parameters)).fetchall())
        try:
            return made.rows(unit.direct.execute(made.text, parameters).fetchall())
        except sqlite3.Error as error:
            raise wrapped(error) from error

    async def run(self, unit: "Unit", *each: Mapping[str, Any]) -> None:
        """Make a change, for each of the values; there is at least one."""
        made, connection = await self._ready(unit, each[0])
        parameters = [made.parameters(values) for values in each]
        if unit.direct is None:
            await connection.exec_driver_sql(made.text, parameters if len(each) > 1 else parameters[0])
            return
        try:
            unit.direct.executemany(made.text, parameters)
        except sqlite3.Error as error:
            raise wrapped(error) from error

    async def _ready(self, unit: "ReadUnit", values: Mapping[str, Any]) -> tuple["_Made", Any]:
        connection = unit.memo.get(CONNECTION)
        if connection is None:
            connection = unit.memo[CONNECTION] = await unit.session.connection()
        session = unit.session
        if session.autoflush and (session.new or session.deleted or session.dirty):
            await session.flush()
        return self._for(connection.dialect, values), connection

    async def one(self, unit: "ReadUnit", values: Mapping[str, Any]) -> Any | None:
        """The only row, or None."""
        found = await self.rows(unit, values)
        return found[0] if found else None

    def _for(self, dialect: Dialect, values: Mapping[str, Any]) -> "_Made":
        # A list makes a text of its own for each length that it comes in.
        key = (dialect.driver, *(len(value) for value in values.values() if isinstance(value, list)))
        if key not in self._made:
            if len(self._made) >= MOST:
                self._made.clear()
            self._made[key] = _Made(self.statement, dialect, values)
        return self._made[key]


class _Made:
    """A statement in one dialect, with lists of one length."""

    def __init__(self, statement: Any, dialect: Dialect, values: Mapping[str, Any]) -> None:
        compiled = statement.compile(dialect=dialect)
        binds = compiled.binds
        state = compiled.construct_expanded_state({name: value for name, value in values.items() if name in binds})
        self.text = state.statement
        places: dict[str, tuple[str, int | None]] = {name: (name, None) for name in binds}
        for name, expanded in state.parameter_expansion.items():
            places |= {each: (name, number) for number, each in enumerate(expanded)}
        # (name, place in a list, how the driver wants it, what is given where the statement itself says so)
        self._places = [
            (name, number, _binder(binds[name].type, dialect), binds[name].value)
            for name, number in (places[each] for each in state.positiontup or ())
        ]
        columns = list(statement.selected_columns) if statement.is_select else []
        self._row = _named([str(column.key) for column in columns])
        readers = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._readers = [(number, reader) for number, reader in enumerate(readers) if reader is not None]

    def parameters(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The values in the order of the text."""
        found = []
        for name, number, bind, own in self._places:
            value = values.get(name, own)
            if number is not None:
                value = value[number]
            found.append(value if bind is None else bind(value))
        return tuple(found)

    def rows(self, raw: Sequence[Any]) -> list[Any]:
        """What the driver has read, as Python has it."""
        columns: list[Any] = list(zip(*raw, strict=True))
        for number, reader in self._readers if columns else ():
            columns[number] = map(reader, columns[number])
        return list(map(self._row._make, zip(*columns, strict=True)))


def _binder(type_: Any, dialect: Dialect) -> Processor:
    binder: Processor = type_.dialect_impl(dialect).bind_processor(dialect)
    return binder


def _named(names: list[str]) -> Any:
    make: Any = namedtuple
    return make("Found", names, rename=True)


async def insert_rows(unit: "Unit", model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, values by the names of the columns, by one statement; all rows have the same names."""
    if rows:
        await _insert(model, tuple(rows[0])).run(unit, *rows)


@cache
def _insert(model: type[Base], names: tuple[str, ...]) -> Prepared:
    return Prepared(insert(model).values({model.__table__.c[name]: bindparam(name) for name in names}))

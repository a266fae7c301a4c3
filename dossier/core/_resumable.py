"""Migrations on MySQL can be started again after a death in the middle, where every step has committed by itself.

Alembic's operations look first whether they were done already. What a migration executes by hand must bear being run twice.

A change of a table waits for every transaction that has read it, and everybody who comes later waits behind it. So it waits
for a moment only, lets the others through, and tries again a few times.
"""

import time
from collections.abc import Collection
from typing import Any

from alembic.ddl.mysql import MySQLImpl
from sqlalchemy import Column, Constraint, ForeignKeyConstraint, Index, Table, UniqueConstraint, inspect
from sqlalchemy.exc import DBAPIError, OperationalError

TRIES, TRY_SECONDS, PAUSE_SECONDS = 5, 2, 1
LOCK_WAIT = 1205


class ResumableMySQLImpl(MySQLImpl):
    """Takes the place of Alembic's own for MySQL and MariaDB."""

    __dialect__ = "mysql"

    def _exec(self, *what: Any, **how: Any) -> Any:
        for _ in range(TRIES - 1):
            try:
                return super()._exec(*what, **how)
            except OperationalError as error:
                if not waited_in_vain(error):
                    raise
            time.sleep(PAUSE_SECONDS)
        return super()._exec(*what, **how)

    def create_table(self, table: Table, **how: Any) -> None:
        if not self._has_table(table.name):
            super().create_table(table, **how)
            return
        for index in table.indexes:  # come in statements of their own
            self.create_index(index)

    def rename_table(self, old_table_name: str, new_table_name: str, schema: str | None = None) -> None:
        if self._has_table(old_table_name):
            super().rename_table(old_table_name, new_table_name, schema)

    def drop_table(self, table: Table, **how: Any) -> None:
        if self._has_table(table.name):
            super().drop_table(table, **how)

    def create_index(self, index: Index, **how: Any) -> None:
        if index.name not in self._indexes(index.table):
            super().create_index(index, **how)

    def drop_index(self, index: Index, **how: Any) -> None:
        if index.name in self._indexes(index.table):
            super().drop_index(index, **how)

    def add_column(self, table_name: str, column: Column[Any], **how: Any) -> None:
        if column.name not in self._columns(table_name):
            super().add_column(table_name, column, **how)

    def alter_column(self, table_name: str, column_name: str, *, name: str | None = None, **how: Any) -> None:
        is_renamed = name is not None and column_name not in self._columns(table_name)
        super().alter_column(table_name, name if name and is_renamed else column_name, name=name, **how)

    def drop_column(self, table_name: str, column: Column[Any], **how: Any) -> None:
        if column.name in self._columns(table_name):
            super().drop_column(table_name, column, **how)

    def add_constraint(self, const: Any, **how: Any) -> None:
        if const.name not in self._constraints(const):
            super().add_constraint(const, **how)

    def drop_constraint(self, const: Constraint, **how: Any) -> None:
        if const.name in self._constraints(const):
            super().drop_constraint(const, **how)

    def _has_table(self, name: str) -> bool:
        return inspect(self.connection).has_table(name)

    def _indexes(self, table: Table | None) -> Collection[Any]:
        if table is None or not self._has_table(table.name):
            return ()
        return {index["name"] for index in inspect(self.connection).get_indexes(table.name)}

    def _columns(self, table: str) -> Collection[Any]:
        return {column["name"] for column in inspect(self.connection).get_columns(table)}

    def _constraints(self, const: Any) -> Collection[Any]:
        see = inspect(self.connection)
        if isinstance(const, ForeignKeyConstraint):
            return {key["name"] for key in see.get_foreign_keys(const.table.name)}
        if isinstance(const, UniqueConstraint):
            return {key["name"] for key in see.get_unique_constraints(const.table.name)}
        raise NotImplementedError(f"No look-up for {type(const).__name__}: a migration that needs it adds it here.")


def waited_in_vain(error: DBAPIError) -> bool:
    """Whether somebody else held a lock for too long."""
    return error.orig is not None and error.orig.args[:1] == (LOCK_WAIT,)

"""Migrations on MySQL can be started again after a death in the middle, where every step has committed by itself.

Alembic's operations look first whether they were done already. What a migration executes by hand must bear being run twice.
"""

from collections.abc import Collection
from typing import Any

from alembic.ddl.mysql import MySQLImpl
from sqlalchemy import Column, Constraint, ForeignKeyConstraint, Index, Table, UniqueConstraint, inspect


class ResumableMySQLImpl(MySQLImpl):
    """Takes the place of Alembic's own for MySQL and MariaDB."""

    __dialect__ = "mysql"

    def create_table(self, table: Table, **how: Any) -> None:
        if not self._has_table(table.name):
            super().create_table(table, **how)

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

"""What the house plan forbids and measures, where the linters cannot: bans, sizes, tables. (Directions: import-linter.)"""

import ast
import importlib
import pkgutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Index, Table, create_engine
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateIndex, CreateTable

import dossier
from dossier.core import migrate
from dossier.core.db import Base

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "dossier"
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef

LONGEST_FILE, LONGEST_FUNCTION = 320, 50
LONG_FILES = {
    "cli.py": "one command after the other, each a declaration and a call",
    "core/web.py": "the whole HTTP edge; its parts need each other's names",
    "documents/routes.py": "declarations: what an operation takes and refuses is most of it",
    "uploads/routes.py": "as those of documents",
    "search/extract.py": "a reader per format, none of which calls another",
}
LONGEST_LISTED_FILE = 400
# Rooms without a front door of their own.
NO_FRONT_DOOR = {
    "core": "a shelf: each of its modules is one thing to import",
    "portal": "nothing imports it but app.py its routes",
}
ENTRANCES = {"cli.py", "console.py", "serve.py", "worker.py", "app.py"}
# Rows that belong to no workspace, or whose parent's row says to which.
NO_WORKSPACE = {
    "workspaces": "is one",
    "users": "a person may be in several",
    "sessions": "of a person, not of a member",
    "links": "say whom or what they are for; a new password is a person's",
    "idempotency_keys": "of a member, by owner_id",
    "group_members": "of a group",
    "grants": "of a scope",
    "names": "of a folder",
    "document_locks": "of a document",
    "task_watchers": "of a task",
}


@cache
def tree(path: Path) -> ast.Module:
    """A source file, parsed."""
    return ast.parse(path.read_text(), str(path))


def sources() -> list[Path]:
    """Every source file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """A path as it is written here."""
    return str(path.relative_to(PACKAGE))


def found(wanted: Any) -> set[str]:
    """The files with a node for which ``wanted(node)`` holds."""
    return {name_of(path) for path in sources() if any(wanted(node) for node in ast.walk(tree(path)))}


def imports(node: ast.AST, module: str) -> bool:
    """Whether a statement imports a module or something of it."""
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] == module for alias in node.names)
    return isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] == module


def calls(node: ast.AST, *names: str) -> bool:
    """Whether a node is a call of a function or method of one of these names."""
    if not isinstance(node, ast.Call):
        return False
    return (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")) in names


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Every function of a file with its length in lines, decorators and docstring left out."""
    for node in ast.walk(tree(path)):
        if isinstance(node, FUNCTION):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            signature = node.body[0].lineno - node.lineno
            yield node.name, (node.end_lineno or node.lineno) - first.lineno + 1 + signature


class TestBans:
    def test_the_web_framework_stays_at_the_edge(self) -> None:
        known = found(lambda node: imports(node, "fastapi"))
        allowed = {name for name in known if name.endswith("/routes.py")} | {"app.py", "core/web.py", "core/errors.py"}
        assert known <= allowed
        assert len(known) > 5

    def test_only_a_unit_commits(self) -> None:
        # core/sqlite.py is the driver that hands a Unit's commit on.
        assert found(lambda node: calls(node, "commit")) <= {"core/units.py", "core/migrate.py", "core/sqlite.py"}

    def test_nobody_begins_a_transaction_beside_units(self) -> None:
        openers = found(lambda node: calls(node, "writing", "AsyncSession", "Session", "sessionmaker"))
        assert openers <= {"core/db.py", "core/units.py"}

    def test_the_environment_is_read_in_one_place(self) -> None:
        def reads(node: ast.AST) -> bool:
            names = ("environ", "environb", "getenv")
            return (isinstance(node, ast.Attribute) and node.attr in names) or (
                isinstance(node, ast.ImportFrom) and any(alias.name in names for alias in node.names)
            )

        assert found(reads) <= ENTRANCES | {"core/settings.py"}

    def test_settings_are_built_in_the_entrances(self) -> None:
        assert found(lambda node: calls(node, "Settings")) <= ENTRANCES

    def test_no_relationships(self) -> None:
        """Across domains: foreign keys by table name, and calls through the front door."""
        assert found(lambda node: calls(node, "relationship", "backref")) == set()

    def test_only_commands_print(self) -> None:
        def prints(node: ast.AST) -> bool:
            return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"

        assert found(prints) <= {"cli.py"}

    def test_nobody_formats_a_statement(self) -> None:
        """Text goes into SQL as a parameter."""

        def formats(node: ast.AST) -> bool:
            if not isinstance(node, ast.Call) or not calls(node, "text", "exec_driver_sql", "execute", "executescript"):
                return False
            return any(isinstance(given, ast.JoinedStr) and not is_fixed(given) for given in node.args)

        def is_fixed(given: ast.JoinedStr) -> bool:
            # These take no parameters; what is put in are constants of the program.
            return ast.unparse(given.values[0]).strip("'").startswith(("PRAGMA ", "BEGIN "))

        assert found(formats) == set()


class TestPackages:
    @staticmethod
    def packages() -> list[Path]:
        """The folders with an ``__init__``, but the package itself."""
        return [path.parent for path in sources() if path.name == "__init__.py" and path.parent != PACKAGE]

    def test_each_says_what_it_is(self) -> None:
        assert [name_of(path) for path in self.packages() if not ast.get_docstring(tree(path / "__init__.py"))] == []

    def test_each_has_a_front_door(self) -> None:
        def exports(path: Path) -> bool:
            statements = tree(path / "__init__.py").body
            targets = [target for each in statements if isinstance(each, ast.Assign) for target in each.targets]
            return any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)

        assert {name_of(path) for path in self.packages() if not exports(path)} == set(NO_FRONT_DOOR)

    def test_each_module_says_what_it_is(self) -> None:
        assert [name_of(path) for path in sources() if not ast.get_docstring(tree(path))] == []


class TestSizes:
    def test_files(self) -> None:
        lines = {name_of(path): len(path.read_text().splitlines()) for path in sources()}
        long = {name for name, count in lines.items() if count > LONGEST_FILE}
        assert long - LONG_FILES.keys() == set(), f"over {LONGEST_FILE} lines: two nouns, or a reason above"
        assert LONG_FILES.keys() - long == set(), "short again: take them from the list"
        assert {name: lines[name] for name in long if lines[name] > LONGEST_LISTED_FILE} == {}

    def test_functions(self) -> None:
        sizes = {f"{name_of(path)}:{name}": size for path in sources() for name, size in functions(path)}
        assert {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION} == {}

    def test_averages(self, record_property: Any) -> None:
        """Told and not judged; shown with ``pytest -s``."""
        rooms: dict[str, list[int]] = {}
        for path in sources():
            rooms.setdefault(name_of(path).split("/")[0], []).extend(size for _, size in functions(path))
        for room, sizes in sorted(rooms.items()):
            if sizes:
                print(f"{room:20} {len(sizes):4} functions of {mean(sizes):4.1f} lines on average")
                record_property(f"average function in {room}", round(mean(sizes), 1))


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    """Every table of the models."""
    for module in pkgutil.walk_packages(dossier.__path__, "dossier."):
        if module.name.endswith((".models", ".events", ".jobs", ".idempotency")):
            importlib.import_module(module.name)
    return dict(Base.metadata.tables)


class TestModels:
    def test_every_row_knows_its_workspace(self, tables: dict[str, Table]) -> None:
        assert {name for name, table in tables.items() if "workspace_id" not in table.c} == set(NO_WORKSPACE)

    def test_every_table_is_made_for_mysql(self, tables: dict[str, Table]) -> None:
        for name, table in tables.items():
            statement = str(CreateTable(table).compile(dialect=mysql.dialect()))
            for wanted in ("ENGINE=InnoDB", "CHARSET=utf8mb4", "COLLATE utf8mb4_bin"):
                assert wanted in statement, name
            for index in table.indexes:
                str(CreateIndex(index).compile(dialect=mysql.dialect()))

    def test_keys_fit_into_mysql(self, tables: dict[str, Table]) -> None:
        """InnoDB: 3,072 bytes a key, 64 characters a name, 65,535 bytes a row without its blobs and texts."""
        for table in tables.values():
            for name, columns in keys(table):
                assert sum(size(column) for column in columns) <= 3072, f"{table.name}: {name}"
                assert len(name) <= 64, name
            row = sum(size(column) for column in table.columns if not is_large(column))
            assert row < 65_535, f"{table.name}: {row} bytes a row"

    def test_no_key_on_a_text(self, tables: dict[str, Table]) -> None:
        for table in tables.values():
            for name, columns in keys(table):
                assert not [column.name for column in columns if is_large(column)], f"{table.name}: {name}"

    def test_foreign_keys_are_of_one_type(self, tables: dict[str, Table]) -> None:
        for table in tables.values():
            for key in table.foreign_keys:
                assert mysql_type(key.parent) == mysql_type(key.column), f"{table.name}.{key.parent.name}"


def keys(table: Table) -> Iterator[tuple[str, list[Column[Any]]]]:
    """Every key of a table: primary, unique, and index, with its columns."""
    from sqlalchemy import UniqueConstraint

    yield "primary", list(table.primary_key.columns)
    for each in [*table.indexes, *table.constraints]:
        if isinstance(each, Index | UniqueConstraint):
            yield str(each.name), list(each.columns)


def mysql_type(column: Column[Any]) -> str:
    """A column's type in MySQL."""
    return str(column.type.compile(mysql.dialect()))


FIXED = {"BIGINT": 8, "INTEGER": 4, "SMALLINT": 2, "BOOL": 1, "DATETIME(6)": 8}
LARGE = ("TEXT", "MEDIUMTEXT", "LONGTEXT", "BLOB", "MEDIUMBLOB", "LONGBLOB", "JSON")


def is_large(column: Column[Any]) -> bool:
    """Whether a column lies outside its row."""
    return mysql_type(column).split()[0] in LARGE


def size(column: Column[Any]) -> int:
    """The most bytes of a column in a key."""
    kind, _, length = mysql_type(column).rstrip(")").partition("(")
    if kind in ("BINARY", "VARBINARY"):
        return int(length) + 2
    if kind in ("CHAR", "VARCHAR"):
        return int(length) * 4 + 2
    return FIXED[mysql_type(column)]


def is_mirrored(item: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    """Whether the models have it: the search index and what SQLite makes for it are the migration's alone."""
    return not (kind == "table" and (name or "").startswith("search_fts"))


def schema(path: Path) -> list[tuple[str, str]]:
    """All that a SQLite database is made of."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").fetchall()
    return [row for row in rows if row[0] != "alembic_version"]


class TestMigrations:
    def test_they_make_what_the_models_say(self, tmp_path: Path, tables: dict[str, Table]) -> None:
        address = f"sqlite:///{tmp_path / 'a.sqlite3'}"
        migrate.upgrade(address)
        engine = create_engine(address)
        with engine.connect() as connection:
            options = {"include_object": is_mirrored, "compare_type": True, "compare_server_default": True}
            differences = compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)
        engine.dispose()
        assert tables
        assert differences == []

    def test_up_down_up(self, tmp_path: Path) -> None:
        path = tmp_path / "a.sqlite3"
        migrate.upgrade(f"sqlite:///{path}")
        made = schema(path)
        migrate.run(f"sqlite:///{path}", "downgrade", "base")
        assert schema(path) == []
        migrate.upgrade(f"sqlite:///{path}")
        assert schema(path) == made

    def test_one_head(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(migrate.folder()))
        assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]

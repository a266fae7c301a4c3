"""A database from before there were webhooks: old events are sent to nobody."""

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from dossier.core import migrate


class TestUpgrade:
    def test_the_consumer_begins_at_the_present_end_of_the_log(self, tmp_path: Path) -> None:
        path, workspaces = tmp_path / "a.sqlite3", [uuid4().bytes for _ in range(3)]
        migrate.upgrade(f"sqlite:///{path}", "0003")
        with closing(sqlite3.connect(path)) as connection:
            for workspace, seq in zip(workspaces, (0, 7, 100_000), strict=True):
                connection.execute("INSERT INTO event_counters (workspace_id, seq) VALUES (?, ?)", (workspace, seq))
            connection.commit()
        migrate.upgrade(f"sqlite:///{path}")
        query = "SELECT workspace_id, seq FROM consumer_cursors WHERE consumer = 'webhooks.deliveries' ORDER BY seq"
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute(query).fetchall() == [(workspaces[1], 7), (workspaces[2], 100_000)]
        migrate.run(f"sqlite:///{path}", "downgrade", "0003")
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT COUNT(*) FROM consumer_cursors").fetchone() == (0,)

"""What one row can judge alone."""

from datetime import UTC, datetime

import pytest

from dossier.core.ids import new_id
from dossier.tasks.models import NEVER, Task

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


class TestSetStatus:
    @pytest.mark.parametrize("status", ["done", "cancelled"])
    def test_closing_says_who_and_when(self, status: str) -> None:
        task, me = Task(status="open"), new_id()
        task.set_status(status, me, NOW)
        assert (task.is_open, task.completed_by, task.completed_at) == (False, me, NOW)

    @pytest.mark.parametrize("status", ["open", "in_progress"])
    def test_reopening_forgets_it(self, status: str) -> None:
        task = Task(status="done", completed_at=NOW, completed_by=new_id())
        task.set_status(status, new_id(), NOW)
        assert (task.is_open, task.completed_by, task.completed_at) == (True, None, None)


class TestSetDue:
    def test_a_date(self) -> None:
        task = Task()
        task.set_due(NOW)
        assert (task.due_at, task.due_key) == (NOW, NOW)

    def test_none_comes_last(self) -> None:
        task = Task()
        task.set_due(None)
        assert (task.due_at, task.due_key) == (None, NEVER)

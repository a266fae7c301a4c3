"""The pool of connections that every engine has."""

from typing import Any

from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from sqlalchemy.pool.base import _ConnectionRecord


class Pool(AsyncAdaptedQueuePool):
    """The usual pool, which knows how many wait for a connection, and lets the next one try where one cannot be made."""

    waiting = 0

    def _do_get(self) -> Any:
        self.waiting += 1
        try:
            return super()._do_get()
        finally:
            self.waiting -= 1

    def _create_connection(self) -> ConnectionPoolEntry:
        # One that is not connected yet: should that fail, it goes back into the queue and wakes the next who waits there.
        # SQLAlchemy's own would leave nothing behind, and all of them to their time-out though there is room.
        return _ConnectionRecord(self, connect=False)

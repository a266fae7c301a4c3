"""The pool of connections that every engine has."""

from typing import Any

from sqlalchemy.pool import AsyncAdaptedQueuePool


class Pool(AsyncAdaptedQueuePool):
    """The usual pool, which knows how many wait for a connection."""

    waiting = 0

    def _do_get(self) -> Any:
        self.waiting += 1
        try:
            return super()._do_get()
        finally:
            self.waiting -= 1

"""When what could not be done is tried again."""

import random
from datetime import UTC, datetime, timedelta
from typing import Final

LATER: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Not before something changes."""
SHORTEST, LONGEST = 5.0, 3600.0


def backoff(tries: int) -> timedelta:
    """After so many failures in a row: 5 s doubled each time, at most an hour, with jitter so that not all come at once."""
    seconds = min(LONGEST, SHORTEST * 2.0 ** min(tries - 1, 12))
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311  # jitter, no secret

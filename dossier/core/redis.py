"""Redis or Valkey: what several processes share and can lose. Rate limits and the bell use it, and nothing else.

It is never the only copy of anything: gone, the program goes on with less (a limit counts in each process, others hear of a
change by their next poll), and takes it up again when it is back.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis.asyncio import Redis

SECONDS = 2.0


def connect(address: str) -> "Redis":
    """A client with its pool; connects when it is first used. ``rediss://`` is TLS, with ``?ssl_ca_certs=file`` for a CA."""
    from redis.asyncio import Redis

    return Redis.from_url(
        address, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, socket_keepalive=True, health_check_interval=15
    )

"""Resumable uploads on a disk that is really full."""

import random
from pathlib import Path

import pytest

from tests.trust import invariants
from tests.trust.server import Server, Template
from tests.trust.test_faults import small_disk
from tests.trust.test_uploads import BYTES, TUS, Sending
from tests.trust.traffic import sha256

__all__ = ["small_disk"]
SIZE, FIRST = 3_500_000, 500_000


@pytest.mark.slow
def test_what_came_before_it_was_full_counts_and_the_rest_comes_later(
    data_template: Template, small_disk: Path
) -> None:
    server = Server(data_template, data_template.copy(small_disk / "data"))
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(4 << 20))
    try:
        client = server.start().client()
        sending = Sending("full.bin", random.Random(7).randbytes(SIZE))
        sending.begin(client)
        sending.step(client, FIRST)
        for _ in range(2):
            before = sending.acked
            answer = client.ask("PATCH", sending.address, sending.body[before:], Upload_Offset=str(before), **BYTES)
            assert (answer.status, answer.code) == (507, "storage_full"), answer.body
            sending.sent = SIZE
            sending.resume(client)
            assert before <= sending.acked < SIZE
        ballast.unlink()
        # No restart: the next request after there is room again.
        done = sending.step(client, SIZE)
        client.close()
        document = done.headers["dossier-document"]
        assert sha256(server.ask("GET", f"/documents/{document}/content").body) == sha256(sending.body)
        assert int(server.ask("HEAD", sending.address, **TUS).headers["upload-offset"]) == SIZE
        assert server.stop() == 0
        assert invariants.check(server.data).documents == 1
        server.doctor()
    finally:
        server.kill()
        print(server.errors()[-4000:])

"""Ports of the servers that tests start."""

import socket

import pytest

from tools.servers import SeaweedFS, free_ports


def test_runners_side_by_side_share_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for runner in ("gw0", "gw1", "gw2"):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", runner)
        found.append(set(free_ports(200)))
    assert [len(each) for each in found] == [200] * 3
    assert len(set.union(*found)) == 600


@pytest.mark.slow
def test_a_port_that_was_taken_since_it_was_found_free() -> None:
    server = SeaweedFS()
    volume = server._ports[2]
    try:
        with socket.socket() as other:
            other.bind(("127.0.0.1", volume))
            other.listen()
            server.start().make_bucket()
            assert volume not in server._ports
    finally:
        server.close()

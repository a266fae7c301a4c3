"""Large uploads whose connection is cut and whose program is killed, by the script that does it with 10 GiB."""

from pathlib import Path

import pytest

from bench import ten_gib

MIB = 1 << 20
MOST_MEMORY = 200  # MiB above rest


@pytest.mark.slow
@pytest.mark.embedded
@pytest.mark.parametrize(
    ("size", "cuts", "restarts"),
    [
        pytest.param(96 * MIB + 7, 3, 2, id="96 MiB"),
        pytest.param(1024 * MIB, 4, 2, id="1 GiB", marks=pytest.mark.long),
    ],
)
def test_cut_and_killed(tmp_path: Path, size: int, cuts: int, restarts: int) -> None:
    found = ten_gib.run(tmp_path, size, cuts, restarts)
    assert found.state == "done"
    assert found.sha256 == found.expected, "the API tells the digest of what was sent"
    assert found.downloaded == found.expected
    assert found.peak < MOST_MEMORY


def test_bytes_of_a_stream_are_the_same_from_anywhere() -> None:
    stream = ten_gib.Stream(1, 3 * MIB + 5)
    whole = b"".join(stream.after(0, stream.size))
    assert len(whole) == stream.size
    assert whole[:MIB] != whole[MIB : 2 * MIB]
    assert b"".join(stream.after(MIB - 3, 2 * MIB + 9)) == whole[MIB - 3 : 2 * MIB + 9]


def test_faults_are_the_same_for_a_seed() -> None:
    found = ten_gib.faults(1000, 6, 3, 7)
    assert found == ten_gib.faults(1000, 6, 3, 7) != ten_gib.faults(1000, 6, 3, 8)
    assert found == sorted(found)
    assert [killed for _, killed in found].count(True) == 3

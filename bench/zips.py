"""Rows of zips: 1,000 files as one archive ÷ a bare loop that reads them with their CRC-32."""

import http.client
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import limits
from bench.adding import API
from bench.figures import Against, Figure, Sample, Scale, alternating, judged
from bench.running import MIB, Memory, Place
from bench.sending import fetched
from bench.wire import HOST, Wire, head
from tools.servers import SeaweedFS

LIMIT = "one thread: read, CRC-32, send"
FILES, AT_ONCE = 1000, 50
EDGE = "bench-boundary-7d1f"


def fill(place: Place, count: int, size: int) -> str:
    """A folder with so many files, all different; its id."""
    status, _, folder = place.ask("POST", "/folders", {"name": "many", "parent_id": None})
    if status != 201:
        raise RuntimeError(str(folder))
    block = os.urandom(size - 16)
    for start in range(0, count, AT_ONCE):
        _add(place, folder["id"], [f"{number:04}.bin" for number in range(start, min(start + AT_ONCE, count))], block)
    return str(folder["id"])


def _add(place: Place, folder: str, names: list[str], block: bytes) -> None:
    connection = http.client.HTTPConnection(HOST, place.port, timeout=300)
    field = f'--{EDGE}\r\nContent-Disposition: form-data; name="folder_id"\r\n\r\n{folder}\r\n'.encode()
    files = [
        f'--{EDGE}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode() + os.urandom(16)
        for name in names
    ]
    end = f"--{EDGE}--\r\n".encode()
    length = len(field) + sum(len(each) + len(block) + 2 for each in files) + len(end)
    pieces = [field, *[piece for each in files for piece in (each, block, b"\r\n")], end]
    sent = {"Authorization": f"Bearer {place.token}", "Content-Type": f"multipart/form-data; boundary={EDGE}"}
    connection.request("POST", f"{API}/documents/batch", iter(pieces), {**sent, "Content-Length": str(length)})
    answer = connection.getresponse()
    told = answer.read()
    connection.close()
    if answer.status != 201:
        raise RuntimeError(told.decode())


class Zip:
    """Downloads of one folder; MB/s, and the memory that each took."""

    def __init__(self, place: Place, wire: Wire, folder: str, size: int) -> None:
        self.place, self.wire, self.folder, self.size, self.peaks = place, wire, folder, size, list[float]()

    def __call__(self) -> float:
        status, _, ticket = self.place.ask("POST", "/downloads", {"folder_ids": [self.folder]})
        if status != 201:
            raise RuntimeError(str(ticket))
        memory = Memory(self.place.program.pid)
        told = head("GET", ticket["url"], Connection="close")
        got: Any = self.wire.ask("get", port=self.place.port, head=told)
        self.peaks.append(memory.above)
        if got["status"] != 200 or got["bytes"] < self.size:
            raise RuntimeError(str(got))
        return float(self.size / 1e6 / got["seconds"])


def _figure(work: str, stack: Any, found: list[tuple[float, ...]], zip_: Zip, against: str) -> Figure:
    bare, ours = [Sample(each, "MB/s") for each in found]
    more = {"peak memory": f"{max(zip_.peaks[1:]):.1f} MiB above rest"}
    return Figure(work, stack, ours, Against(against, bare), "≥ 0.9", None, more)


def local(folder: Path, scale: Scale) -> Iterator[Figure]:
    """From the local disk."""
    count, size = (100, 64 * 1024) if scale.small else (FILES, (1 << 30) // FILES)
    with Place(folder / "zips") as place, Wire() as wire, limits.Receiver(folder / "bare") as sender:
        zip_ = Zip(place, wire, fill(place, count, size), count * size)
        place.settle()
        paths = sorted(place.stored())
        bare = fetched(wire, sender.port, head("GET", str(place.blobs)), count * size)
        works = (bare, zip_, lambda: count * size / 1e6 / limits.read_crc(paths))
        *found, unsent = alternating(scale.rounds, *works)
        work = f"zip of {count:,} files, {count * size // MIB:,} MiB"
        figure = _figure(work, "embedded", found, zip_, LIMIT)
        figure.more["the loop without sending"] = str(Sample(unsent, "MB/s"))
        yield judged(figure, lambda ratio: ratio >= 0.9)


def remote(folder: Path, scale: Scale) -> Iterator[Figure]:
    """From S3, beside one client that fetches the same objects one after the other and takes their CRC-32."""
    count, size = (50, 64 * 1024) if scale.small else (FILES, (1 << 30) // FILES)
    with ExitStack() as stack:
        storage = SeaweedFS(folder / "seaweedfs")
        stack.callback(storage.kill)
        storage.start()
        storage.make_bucket()
        keys = {"storage_access_key": storage.access_key, "storage_secret_key": storage.secret_key}
        place = stack.enter_context(Place(folder / "in-s3", storage_url=storage.address("bench"), **keys))
        zip_ = Zip(place, stack.enter_context(Wire()), fill(place, count, size), count * size)
        place.settle()
        work = f"zip of {count:,} files, {count * size // MIB:,} MiB, from S3 (SeaweedFS)"
        bare = _fetched(storage, count * size)
        rounds = min(scale.rounds, 3)
        yield _figure(work, "production", alternating(rounds, bare, zip_), zip_, "one client: fetch, CRC-32")


def _fetched(storage: SeaweedFS, size: int) -> Callable[[], float]:
    import time
    import zlib

    import botocore.session

    client = botocore.session.get_session().create_client(
        "s3",
        region_name=storage.region,
        endpoint_url=storage.endpoint,
        aws_access_key_id=storage.access_key,
        aws_secret_access_key=storage.secret_key,
    )
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="dossier", Prefix="bench/")
    names = [each["Key"] for page in pages for each in page.get("Contents", [])]

    def fetch() -> float:
        started, came = time.perf_counter(), 0
        for name in names:
            crc = 0
            for chunk in client.get_object(Bucket="dossier", Key=name)["Body"].iter_chunks(MIB):
                crc = zlib.crc32(chunk, crc)
                came += len(chunk)
        if came < size:
            raise RuntimeError(f"{came} of {size} bytes")
        return came / 1e6 / (time.perf_counter() - started)

    return fetch


def measure(folder: Path, scale: Scale) -> Iterator[Figure]:
    """From the local disk, then from S3."""
    yield from local(folder, scale)
    yield from remote(folder, scale)

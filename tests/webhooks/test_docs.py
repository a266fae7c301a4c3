"""The receiver of docs/api.md, as it stands there, against real messages."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.webhooks.hooks import PATH, Hooks, good

if TYPE_CHECKING:
    from tests.webhooks.receiver import Receiver

PAGE = (Path(__file__).parents[2] / "docs/api.md").read_text()


def example() -> tuple[str, Any]:
    """The example, and the function in it."""
    (code,) = re.findall(r"^<!-- test: receiver -->\n```python\n(.*?)^```$", PAGE, flags=re.M | re.S)
    names: dict[str, Any] = {}
    exec(compile(code, "docs/api.md", "exec"), names)
    return code, names["is_of_dossier"]


class TestReceiver:
    def test_is_ten_lines(self) -> None:
        code, _ = example()
        assert len([line for line in code.splitlines() if line.strip()]) <= 10

    async def test_believes_us_and_nobody_else(self, hooks: Hooks, receiver: "Receiver") -> None:
        _, is_of_dossier = example()
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        await hooks.work()
        (got,) = receiver.got
        assert is_of_dossier(hook["secret"], got.headers, got.body)
        assert not is_of_dossier(hook["secret"], got.headers, got.body + b" ")
        for header, value in (("webhook-id", "other"), ("webhook-timestamp", "1"), ("webhook-signature", "v1,AAAA é")):
            assert not is_of_dossier(hook["secret"], got.headers | {header: value}, got.body)
        other = await hooks.add("task.*")
        assert not is_of_dossier(other["secret"], got.headers, got.body)

    async def test_goes_on_through_a_rotation(self, hooks: Hooks, receiver: "Receiver") -> None:
        _, is_of_dossier = example()
        hook = await hooks.add("document.*")
        new = await good(await hooks.client.post(f"{PATH}/{hook['id']}/rotate"))
        await hooks.document("Lease.txt")
        await hooks.work()
        (got,) = receiver.got
        assert is_of_dossier(hook["secret"], got.headers, got.body)
        assert is_of_dossier(new["secret"], got.headers, got.body)

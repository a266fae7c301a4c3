"""What the mode of a file or folder says of who may do what."""

import errno
import grp
import os
import pwd
import struct
from pathlib import Path

import pytest

from dossier.connectors import RemoteError, Right, modes
from dossier.connectors.folder import FolderConnector

NOBODY = 54_321
ACL = "system.posix_acl_access"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with something in it, and something beside it that is nobody's business."""
    (tmp_path / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "f").mkdir(parents=True)
    (root / "f" / "a").write_bytes(b"1")
    root.chmod(0o755)
    return root


@pytest.fixture
def folder(root: Path) -> FolderConnector:
    """Its connector."""
    return FolderConnector(root)


async def told(folder: FolderConnector, item_id: str | None) -> dict[str, str]:
    """Kind of holder → what they may."""
    return {right.kind: right.may for right in await folder.rights(item_id)}


class TestMode:
    @pytest.mark.parametrize(
        ("mode", "group", "everyone"),
        [
            (0o777, "write", "write"),
            (0o750, "read", None),
            (0o774, "write", "r--"),
            (0o733, "-wx", "-wx"),
            (0o711, "--x", "--x"),
            (0o700, None, None),
        ],
    )
    async def test_of_a_folder(
        self, root: Path, folder: FolderConnector, mode: int, group: str | None, everyone: str | None
    ) -> None:
        (root / "f").chmod(mode)
        found = await told(folder, "f")
        assert (found["person"], found.get("group"), found.get("everyone")) == ("own", group, everyone)

    @pytest.mark.parametrize(
        ("mode", "group", "everyone"),
        [(0o666, "write", "write"), (0o755, "read", "read"), (0o640, "read", None), (0o621, "-w-", "--x")],
    )
    async def test_of_a_file(
        self, root: Path, folder: FolderConnector, mode: int, group: str | None, everyone: str | None
    ) -> None:
        (root / "f" / "a").chmod(mode)
        found = await told(folder, "f/a")
        assert (found["person"], found.get("group"), found.get("everyone")) == ("own", group, everyone)

    async def test_names(self, root: Path, folder: FolderConnector) -> None:
        owner = Right(pwd.getpwuid(os.getuid()).pw_name, "own", "person")
        group = Right(grp.getgrgid(os.getgid()).gr_name, "read", "group")
        everyone, us = Right("Everyone else", "read", "everyone"), Right("Dossier", "write", "us")
        assert await folder.rights(None) == [owner, group, everyone, us]

    @pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
    async def test_whoever_has_no_name_is_told_by_number(self, root: Path, folder: FolderConnector) -> None:
        os.chown(root / "f", NOBODY, NOBODY)
        assert [right.who for right in await folder.rights("f")][:2] == [str(NOBODY)] * 2


class TestOurs:
    async def test_what_this_process_may(self, folder: FolderConnector, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "access", lambda name, bit, **how: bit in (os.R_OK, os.X_OK))
        assert (await told(folder, "f"))["us"] == "read"
        monkeypatch.setattr(os, "access", lambda name, bit, **how: False)
        assert "us" not in await told(folder, "f")

    @pytest.mark.skipif(os.getuid() != 0, reason="only root becomes somebody else")
    async def test_by_the_rights_that_are_in_force(self, root: Path) -> None:
        (root / "f").chmod(0o755)
        where = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        os.seteuid(NOBODY)
        try:
            [us] = [right for right in modes.rights(where, "f") if right.kind == "us"]
        finally:
            os.seteuid(0)
            os.close(where)
        assert us.may == "read"


class TestNotTold:
    async def test_an_access_list(self, root: Path, folder: FolderConnector) -> None:
        nobody = 0xFFFF_FFFF
        entries = [(0x01, 7, nobody), (0x02, 6, NOBODY), (0x04, 5, nobody), (0x10, 7, nobody), (0x20, 0, nobody)]
        packed = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
        try:
            os.setxattr(root / "f", ACL, packed)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            pytest.skip("this file system has no access lists")
        with pytest.raises(RemoteError) as refused:
            await folder.rights("f")
        assert refused.value.kind == "unsupported"
        assert await folder.rights(None)

    @pytest.mark.parametrize("item_id", ["none", "f/none", "out", "out/secret", "pipe"])
    async def test_what_is_not_there(self, root: Path, folder: FolderConnector, item_id: str) -> None:
        (root / "out").symlink_to(root.parent)
        os.mkfifo(root / "pipe")
        with pytest.raises(RemoteError) as refused:
            await folder.rights(item_id)
        assert refused.value.kind == "missing"

    @pytest.mark.parametrize("item_id", ["..", "../secret", "f/../../secret", "/etc/passwd", ""])
    async def test_what_is_no_id(self, folder: FolderConnector, item_id: str) -> None:
        with pytest.raises(RemoteError) as refused:
            await folder.rights(item_id)
        assert refused.value.kind == "refused"

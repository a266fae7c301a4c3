"""Who may do what with a file or folder on a disk, by its mode (POSIX.1-2017, section 4.5); each step blocks.

On a mounted share the mode is what the mount makes of the server's rights.
"""

import errno
import grp
import os
import pwd
import stat
from pathlib import Path
from typing import Final

from dossier.connectors import disk
from dossier.connectors.contract import RemoteError, Right

_ACCESS_LIST: Final = "system.posix_acl_access"
_NONE: Final = (errno.ENODATA, errno.EOPNOTSUPP, errno.ENOSYS) if hasattr(errno, "ENODATA") else ()
_BITS: Final = ((os.R_OK, "r"), (os.W_OK, "w"), (os.X_OK, "x"))
_EFFECTIVE: Final = os.access in os.supports_effective_ids
_FOLLOWS: Final = os.access not in os.supports_follow_symlinks


def of_root(root: Path) -> list[Right]:
    """Rights of the place itself. Raises ``missing``, ``refused``, ``unsupported``."""
    with disk.refusing(), disk.folder(root, ()) as where:
        return rights(where, ".")


def rights(where: int, name: str) -> list[Right]:
    """Rights of what is named so in a folder. Whoever owns it may change its mode, whatever that says now.

    Raises ``missing``; ``unsupported`` where it has an access list, which is not read: the group's bits are then those of
    its mask.
    """
    found = os.stat(name, dir_fd=where, follow_symlinks=False)
    is_folder = stat.S_ISDIR(found.st_mode)
    if not is_folder and not stat.S_ISREG(found.st_mode):
        raise RemoteError("missing", "There is no such file or folder.")
    if _has_access_list(where, name):
        raise RemoteError("unsupported", "It has an access list (ACL), which is not read.")
    told = [
        Right(_user(found.st_uid), "own", "person"),
        Right(_group(found.st_gid), _may(found.st_mode >> 3, is_folder=is_folder), "group"),
        Right("Everyone else", _may(found.st_mode, is_folder=is_folder), "everyone"),
        Right("Dossier", _may(_ours(where, name), is_folder=is_folder), "us"),
    ]
    return [right for right in told if right.may]


def _may(bits: int, *, is_folder: bool) -> str:
    """In the contract's words; what fits none of them as ``ls`` writes it, "" for nothing.

    A folder without "x" shows names and nothing else.
    """
    bits &= os.R_OK | os.W_OK | os.X_OK
    if bits & os.R_OK and (bits & os.X_OK or not is_folder):
        return "write" if bits & os.W_OK else "read"
    return "".join(letter if bits & bit else "-" for bit, letter in _BITS) if bits else ""


def _ours(where: int, name: str) -> int:
    """The bits that this process has, by whichever of its groups or privileges."""
    return sum(bit for bit, _ in _BITS if _is_allowed(where, name, bit))


def _is_allowed(where: int, name: str, bit: int) -> bool:
    return os.access(name, bit, dir_fd=where, effective_ids=_EFFECTIVE, follow_symlinks=_FOLLOWS)


def _has_access_list(where: int, name: str) -> bool:
    """Whether more than the mode decides. Only Linux is asked."""
    if not hasattr(os, "getxattr"):
        return False
    try:
        os.getxattr(f"/proc/self/fd/{where}/{name}", _ACCESS_LIST, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NONE:
            return False
        raise
    return True


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)

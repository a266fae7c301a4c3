"""Starts a foreign program, an office suite say, locked in as far as a program bears it that opens files by name.

Run as a script. Arguments: the work folder, bytes of memory, seconds, the most bytes of one file, and then the program and
its arguments. The program may read what a system is made of, write into its work folder, and start others like it; it has
no root, no network, no environment but a home in the work folder, and no way to look at other folders or processes.

What a platform does not have is left out: Landlock (files, TCP) came with Linux 5.13.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

NOBODY = 65534
SYSTEM = (
    *("/usr", "/lib", "/lib32", "/lib64", "/bin", "/nix/store", "/var/cache/fontconfig", "/var/lib/fontconfig"),
    *(
        "/etc/fonts",
        "/etc/libreoffice",
        "/etc/alternatives",
        "/etc/ld.so.cache",
        "/etc/ld.so.conf",
        "/etc/ld.so.conf.d",
    ),
    *("/etc/localtime", "/etc/locale.alias", "/etc/nsswitch.conf", "/etc/passwd", "/etc/papersize"),
)
"""What may be read. None of it holds people's files or secrets of the program."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF, _ASK_VERSION, _BENEATH = 444, 445, 446, 1, 1
_EXECUTE, _WRITE, _READ, _LIST, _MAKE_SOCKET, _TRUNCATE = 1, 2, 4, 8, 1 << 9, 1 << 14
# How many rights on files each version knows, from the first on.
_RIGHTS = (13, 14, 15, 15, 16)
_NETWORK, _SCOPES = 0b11, 0b11

# Calls that no office suite needs and that break out of other locks; the numbers on x86_64 and on aarch64.
# fmt: off
DENIED = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "mount": (165, 40),
    "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97), "setns": (308, 268),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "open_by_handle_at": (304, 265),
    # Who left the group would outlive its end.
    "setsid": (112, 157), "setpgid": (109, 154),
}
# fmt: on
_SOCKET, _AF_UNIX = (41, 198), 1
_LOAD, _JUMP_EQUAL, _JUMP_GREATER, _RETURN = 0x20, 0x15, 0x25, 0x06
_NUMBER_AT, _ARCH_AT, _ARGUMENT_AT = 0, 4, 16
_ALLOW, _EPERM, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
_X32 = 0x3FFFFFFF


def main(work: str, memory: str, seconds: str, size: str, program: str, *arguments: str) -> None:
    """Lock in and become the program."""
    spec = spec_from_file_location("child", Path(__file__).with_name("_child.py"))
    if spec is None or spec.loader is None:
        raise ImportError("_child")
    child = module_from_spec(spec)
    spec.loader.exec_module(child)
    libc = ctypes.CDLL(None, use_errno=True)
    os.nice(10)
    child.leave_network(libc)
    child.limit(int(memory), float(seconds), FSIZE=int(size))
    _give(Path(work))
    child.leave_root()
    if sys.platform == "linux":
        child.renounce(libc)
        fence(libc, Path(work), Path(program))
        child.install(libc, lambda mark, column: child.assembled(denial(mark, column)))
    environment = {"HOME": work, "TMPDIR": work, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    os.execve(program, [program, *arguments], environment)  # noqa: S606  # the arguments are ours


def _give(work: Path) -> None:
    """Let the user that root becomes own the work folder; it is private to this one start."""
    if os.geteuid() == 0:
        for path in (work, *work.rglob("*")):
            with suppress(OSError):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def denial(arch: int, column: int) -> list[tuple[int, int, int, int]]:
    """The filter as classic BPF (code, jump if true, jump if false, operand): all but ``DENIED``, and only local sockets."""
    denied = [numbers[column] for numbers in DENIED.values()]
    steps = [(_LOAD, 0, 0, _ARCH_AT), (_JUMP_EQUAL, 1, 0, arch), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER_AT)]
    steps += [(_JUMP_GREATER, len(denied) + 4, 0, _X32)]
    steps += [(_JUMP_EQUAL, len(denied) + 3 - place, 0, number) for place, number in enumerate(denied)]
    steps += [(_JUMP_EQUAL, 0, 2, _SOCKET[column]), (_LOAD, 0, 0, _ARGUMENT_AT), (_JUMP_EQUAL, 0, 1, _AF_UNIX)]
    return [*steps, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _EPERM)]


def fence(libc: ctypes.CDLL, work: Path, program: Path) -> None:
    """Landlock: of the file system only ``SYSTEM``, the program's own folder and the work folder; no TCP."""
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))
    if version < 1:
        return
    known = (1 << _RIGHTS[min(version, len(_RIGHTS)) - 1]) - 1
    handled = struct.pack("@QQQ", known, _NETWORK if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    handled = handled[: 8 if version < 4 else 16 if version < 6 else 24]
    rules = libc.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), ctypes.c_uint32(0))
    if rules < 0:
        return
    for path, rights in _allowed(work, program):
        _allow(libc, rules, path, rights & known)
    libc.syscall(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0))
    os.close(rules)


def _allowed(work: Path, program: Path) -> Iterator[tuple[Path, int]]:
    for name in SYSTEM:
        yield Path(name), _EXECUTE | _READ | _LIST
    # An office suite lies in one folder: lib/libreoffice/program/soffice, or /opt/libreoffice7.6/program/soffice.
    yield program.resolve().parent.parent, _EXECUTE | _READ | _LIST
    for name in DEVICES:
        yield Path(name), _READ | _WRITE
    # LibreOffice puts the socket of its single instance nowhere else; it cannot even take it away again.
    for name in ("/tmp", "/var/tmp"):  # noqa: S108  # the only right there
        yield Path(name), _MAKE_SOCKET
    yield work, (1 << 64) - 1


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    if not path.is_dir():
        rights &= _EXECUTE | _WRITE | _READ | _TRUNCATE
    with suppress(OSError):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", rights, place)
        libc.syscall(_ADD_RULE, ctypes.c_int(rules), ctypes.c_int(_BENEATH), rule, ctypes.c_uint32(0))
        os.close(place)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The child process of ``sandbox``: locks itself in, reads the foreign file on descriptor 0, answers on descriptor 1.

Run as a script, so that it imports neither the package around it nor anything else that the one media type does not
need. Arguments: media type, the most that the reader may give, bytes of memory, seconds, the reader's file. Answer: ``ok``
and a line end and the result (text in UTF-8), or a reason and a line end and a clue for the log (the error's class and
place, never its text).

Order matters: import, lock, and only then look at the foreign bytes.
"""

import ctypes
import importlib.util
import math
import os
import resource
import signal
import struct
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

NOBODY = 65534
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _SECCOMP_MODE_FILTER = 22, 38, 2
_RET_ALLOW, _RET_ERRNO, _RET_KILL = 0x7FFF0000, 0x00050000, 0x80000000
_EPERM = 1
_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER_AT, _ARCH_AT, _ARGUMENT_AT = 0, 4, 16

# What a computation needs that has its descriptors already: the numbers on x86_64 and on aarch64.
# No open, stat, socket, clone, execve, kill, ioctl or prctl, and nothing that only later kernels know.
# fmt: off
_SYSCALLS = {
    "read": (0, 63), "pread64": (17, 67), "readv": (19, 65), "write": (1, 64), "writev": (20, 66),
    "lseek": (8, 62), "fstat": (5, 80), "close": (3, 57),
    "mmap": (9, 222), "munmap": (11, 215), "mremap": (25, 216), "mprotect": (10, 226), "madvise": (28, 233),
    "brk": (12, 214), "futex": (202, 98), "sched_yield": (24, 124),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sigaltstack": (131, 132),
    "restart_syscall": (219, 128), "nanosleep": (35, 101), "clock_nanosleep": (230, 115),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "gettimeofday": (96, 169),
    "getpid": (39, 172), "gettid": (186, 178), "getrusage": (98, 165), "getrandom": (318, 278),
    "exit": (60, 93), "exit_group": (231, 94),
}
# fmt: on
_TGKILL = (234, 131)
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}


def main(media_type: str, most: str, memory: str, seconds: str, reader: str) -> None:
    module = load(Path(reader))
    module.prepare(media_type)
    run(lambda stream: module.extract(stream, media_type, int(most)), int(memory), float(seconds))


def run(work: Callable[[BinaryIO], str | bytes], memory: int, seconds: float) -> None:
    """Lock the process, do the work on descriptor 0, answer on descriptor 1 and end."""
    with open(0, "rb") as source, open(1, "wb") as answer:
        lock(memory, seconds)
        answer.write(_answer(work, source))
        answer.flush()
        os._exit(0)


def lock(memory: int, seconds: float) -> None:
    """Give up, for good: memory and time beyond these bounds, new descriptors, new processes, the network, root.

    What a platform does not have is left out; the limits on descriptors alone keep files and sockets away.
    """
    warnings.simplefilter("ignore")
    libc = ctypes.CDLL(None, use_errno=True)
    os.nice(10)
    leave_network(libc)
    _limit(memory, seconds)
    leave_root()
    if sys.platform == "linux":
        renounce(libc)
        _filter_syscalls(libc)


def leave_network(libc: ctypes.CDLL) -> None:
    """Be in a network of one's own, without any device, where that is allowed."""
    if sys.platform == "linux" and libc.unshare(_CLONE_NEWNET) != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def _limit(memory: int, seconds: float) -> None:
    limit(memory, seconds, FSIZE=0, NPROC=0, NOFILE=3)


def limit(memory: int, seconds: float, **more: int) -> None:
    """Bounds for this process and those that it starts, in bytes and seconds; ``more`` by the names of RLIMIT_."""
    cpu = math.ceil(seconds)
    limits = {"AS": memory, "CPU": cpu, "CORE": 0, **more}
    for name, most in limits.items():
        with suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most + (name == "CPU")))
    signal.alarm(cpu + 2)  # should the parent be gone


def leave_root() -> None:
    """Become nobody, if this is root."""
    if os.geteuid() == 0:
        with suppress(OSError):
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)


def renounce(libc: ctypes.CDLL) -> None:
    """Never gain a privilege again by starting a program; the filters need this."""
    _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)


def _filter_syscalls(libc: ctypes.CDLL) -> None:
    """From now on only what computing with open descriptors needs; all else answers EPERM, other machine code dies."""
    install(libc, lambda mark, column: _program(mark, [row[column] for row in _SYSCALLS.values()], _TGKILL[column]))


def install(libc: ctypes.CDLL, make: Callable[[int, int], bytes]) -> None:
    """Filter system calls by the program that ``make(architecture, column of its numbers)`` gives, where there are some."""
    architecture = _ARCHITECTURES.get(os.uname().machine)
    if architecture is not None and sys.maxsize > 2**32:
        program = make(*architecture)
        code = ctypes.create_string_buffer(program, len(program))
        header = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(code)))
        _prctl(libc, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(header))


def _prctl(libc: ctypes.CDLL, option: int, *arguments: int) -> None:
    libc.prctl(option, *(ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]))


def _program(arch: int, allowed: list[int], tgkill: int) -> bytes:
    """The filter as classic BPF: code, jump if true, jump if false, operand."""
    check = [(_LOAD, 0, 0, _ARCH_AT), (_JUMP_EQUAL, 1, 0, arch), (_RETURN, 0, 0, _RET_KILL), (_LOAD, 0, 0, _NUMBER_AT)]
    jumps = [(_JUMP_EQUAL, len(allowed) + 3 - place, 0, number) for place, number in enumerate(allowed)]
    # abort() signals itself. PDFium calls it where memory ends; without it that would look like any other crash.
    abort = [(_JUMP_EQUAL, 0, 2, tgkill), (_LOAD, 0, 0, _ARGUMENT_AT), (_JUMP_EQUAL, 1, 0, os.getpid())]
    ends = [(_RETURN, 0, 0, _RET_ERRNO | _EPERM), (_RETURN, 0, 0, _RET_ALLOW)]
    return assembled(check + jumps + abort + ends)


def assembled(steps: list[tuple[int, int, int, int]]) -> bytes:
    """Steps of BPF as the kernel takes them."""
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _answer(work: Callable[[BinaryIO], str | bytes], source: BinaryIO) -> bytes:
    try:
        result = work(source)
        return b"ok\n" + (result if isinstance(result, bytes) else result.encode("utf-8", "replace"))
    except MemoryError:
        return b"memory\n"
    except Exception as error:
        return f"{_reason(error)}\n{_clue(error)}".encode("ascii", "replace")


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    if isinstance(reason, StrEnum):  # UnicodeDecodeError has a reason too, of another kind
        return str(reason)
    # A module, codec or file that is missed only now is our fault, not the file's: it should have been prepared.
    ours = isinstance(error, ImportError | PermissionError) or type(error) is LookupError
    return "crashed" if ours else "broken"


def _clue(error: Exception) -> str:
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else "?"
    return f"{type(error).__name__} at {where}"


def load(path: Path) -> ModuleType:
    """A file as a module of its own, without the package around it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(path.stem)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(*sys.argv[1:])

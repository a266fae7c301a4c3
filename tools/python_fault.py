"""Prints the one line that helps where this Python cannot set Dossier up, and nothing where it can.

Runs on any Python, however old: it has to be read before its version can be told.
"""

import sys


def fault():
    if sys.version_info < (3, 11):
        found = ".".join(str(part) for part in sys.version_info[:3])
        help_ = "install one and name it, as in: make run PYTHON=python3.12"
        return "Dossier needs Python 3.11 or newer and this is " + found + ": " + help_
    try:
        import venv  # noqa: F401
    except ImportError:
        return "Python has no venv: apt-get install python3-venv"
    try:
        import ensurepip

        # Debian can have the module without the wheels it unpacks.
        ensurepip.version()
    except Exception:
        return "Python cannot install pip into a venv (no ensurepip): apt-get install python3-venv"
    return ""


print(fault())

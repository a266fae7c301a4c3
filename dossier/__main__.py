"""The entrance of the `dossier` command and of ``python -m dossier``."""

import gc


def main() -> None:
    """Import with the garbage collector off, which takes a fifth of the start, and go on to the command line."""
    gc.disable()
    from dossier.cli import main as run

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()

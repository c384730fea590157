"""``python -m kdcore``: the command line, and how it ends when it is cut short.

What it runs is in :mod:`kdcore.command_line`, which takes a second or two to import: who presses
Ctrl-C in that time sees no traceback either.
"""

from __future__ import annotations

import os
import sys


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    from kdcore import command_line

    return command_line.main(arguments)


def run_from_shell() -> int:
    """Run the command line; a reader that left, Ctrl-C or a full disk leaves no traceback."""
    try:
        code = main()
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader, such as ``head``, has seen enough. Nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except OSError as trouble:
        print(f"python -m kdcore: {trouble.strerror or trouble}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(run_from_shell())

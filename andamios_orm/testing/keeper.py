"""Run a server for exactly as long as its owner lives, then stop it and delete its files.

This file is a program: `python keeper.py FOLDER PATIENCE SIGNAL USER GROUP COMMAND...`. Its owner
holds the other end of standard input. It uses the standard library only and is started by its path,
because importing the package it lies in would cost more time than starting the server.
"""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence

__all__ = ["keep", "main"]


def main(arguments: Sequence[str]) -> int:
    """Run the command described by the arguments; return the exit code of the server.

    `PATIENCE` is in seconds, `SIGNAL` the number of the one that stops the server. `USER` and
    `GROUP` are numbers, or empty to stay who we are.
    """
    folder, patience, stop_signal, user, group, *command = arguments
    return keep(
        command,
        folder=folder,
        patience=float(patience),
        stop_signal=int(stop_signal),
        user=int(user) if user else None,
        group=int(group) if group else None,
        leash=sys.stdin.fileno(),
    )


def keep(
    command: Sequence[str],
    *,
    folder: str,
    patience: float,
    stop_signal: int,
    user: int | None,
    group: int | None,
    leash: int,
) -> int:
    """Run `command` until it ends, or until the file descriptor `leash` gives a byte or its end.

    A pipe is the one thing that tells of every death: the kernel closes it when its owner ends,
    also by SIGKILL, on every POSIX system. The parent-death signal of Linux is no substitute: it
    fires when the starting *thread* ends, is forgotten at a change of user, and deletes nothing.
    A byte means the same as the end, because a forked child of the owner may hold the pipe open.

    Should this process be killed as well, a PostgreSQL whose data are gone still ends by itself
    within about a minute, when it finds its lock file missing.

    `folder` is deleted only when the leash ended: after a crash of the server the owner wants to
    read the log in it.
    """
    server = subprocess.Popen(  # noqa: S603 - the command of our owner, not of a user; no shell
        command,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        user=user,
        group=group,
        # Only root may drop groups, and only root changes its user.
        extra_groups=None if user is None else [],
    )
    released = threading.Event()

    def stop_when_released() -> None:
        # os.read, not sys.stdin: a thread in a buffered reader aborts the interpreter's exit.
        os.read(leash, 1)
        released.set()
        server.send_signal(stop_signal)
        try:
            server.wait(patience)
        except subprocess.TimeoutExpired:
            server.kill()

    threading.Thread(target=stop_when_released, name="leash", daemon=True).start()
    code = server.wait()
    if released.is_set():
        shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m tests.agent.killing ARGUMENTS`: `compliance agent ARGUMENTS` for each line that it reads, and killed.

A line is a number and a state folder. The number is how many lines of the agent's own code the run may execute before
SIGKILL; 0 lets it end. Each run is a child of a process that has everything imported. Printed is the exit code (-9 for
a kill), and the number of lines executed.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Any

from compliance import cli
from compliance.agent import changes, config, identity, loop, snapshot, spool, spoolfile, tables, transport
from compliance.agent import cli as commands

WATCHED = {
    str(module.__file__)
    for module in (changes, config, commands, identity, loop, spool, spoolfile, transport, snapshot)
}
WARM = tables


def run(arguments: list[str], allowed: int) -> int:
    """The lines executed; does not return when that is more than `allowed`."""
    executed = 0

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal executed
        if event == "line":
            executed += 1
            if executed == allowed:
                os.kill(os.getpid(), signal.SIGKILL)
        return line

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        return line if frame.f_code.co_filename in WATCHED else None

    sys.settrace(call)
    code = cli.run(["agent", *arguments])
    sys.settrace(None)
    if code:
        raise SystemExit(code)
    return executed


def main() -> None:
    for asked in sys.stdin:
        number, _, os.environ["COMPLIANCE_STATE_DIR"] = asked.strip().partition(" ")
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writing, b"%d" % run(sys.argv[1:], int(number)))
                os._exit(0)
            except BaseException as leaving:
                os._exit(leaving.code if isinstance(leaving, SystemExit) and isinstance(leaving.code, int) else 70)
        os.close(writing)
        with os.fdopen(reading) as told:
            executed = told.read()
        _, status = os.waitpid(child, 0)
        print("done", os.waitstatus_to_exitcode(status), executed or "0", flush=True)


if __name__ == "__main__":
    main()

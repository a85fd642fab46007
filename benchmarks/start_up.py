"""How long `compliance --help` takes, over importing typer and rich: at most 2.

Both in turns, so that a busy moment of the machine falls on both; medians of the runs.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
RUNS = 15
FLOOR = ("-c", "import typer, rich.console, rich.table")
COMMANDS = {"--help": ("-m", "compliance", "--help"), "--version": ("-m", "compliance", "--version")}


def seconds(arguments: tuple[str, ...]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    taken: dict[str, list[float]] = {"floor": [], **{name: [] for name in COMMANDS}}
    for _ in range(RUNS):
        taken["floor"].append(seconds(FLOOR))
        for name, arguments in COMMANDS.items():
            taken[name].append(seconds(arguments))
    floor = statistics.median(taken["floor"])
    print(f"importing typer and rich: {floor * 1000:.0f} ms")
    for name in COMMANDS:
        middle = statistics.median(taken[name])
        print(f"compliance {name}: {middle * 1000:.0f} ms, {middle / floor:.2f} of that")


if __name__ == "__main__":
    main()

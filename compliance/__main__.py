"""`python -m compliance`, and the `compliance` command."""

import sys


def main() -> int:
    if sys.argv[1:] == ["--version"]:
        # Scripts ask for the version in loops: answered before anything is imported.
        from compliance import __version__

        sys.stdout.write(f"compliance {__version__}\n")
        return 0
    try:
        from compliance import cli

        return cli.run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

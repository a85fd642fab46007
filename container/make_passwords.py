"""The one-shot service `passwords`: leaves the database's passwords in a volume, made by chance where there are none.

    mysql-root.password    read by MySQL when it makes its data folder (MYSQL_ROOT_PASSWORD_FILE)
    mysql.password         the same for the server's user (MYSQL_PASSWORD_FILE)
    database.url           read by the server (COMPLIANCE_DATABASE_FILE)

MYSQL_ROOT_PASSWORD and MYSQL_PASSWORD in the environment (an .env that `make env` wrote) stand in for chance. MySQL
takes a password only once, so one that is kept is never replaced in silence: `--replace` says that MySQL was told.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

FOLDER = Path("/run/passwords")
FILES = {"MYSQL_ROOT_PASSWORD": "mysql-root.password", "MYSQL_PASSWORD": "mysql.password"}
URL = "mysql://compliance:{password}@mysql:3306/compliance"


class Differs(Exception):
    """A password that is given is not the one that is kept; the message is a sentence for a person."""


def keep(folder: Path, given: Mapping[str, str], replace: bool = False) -> list[str]:
    """The names of the files that were written; nothing is written when one password differs."""
    chosen = {name: choose(folder / file, given.get(name), name, replace) for name, file in FILES.items()}
    contents = {FILES[name]: password for name, password in chosen.items()}
    contents["database.url"] = URL.format(password=quote(chosen["MYSQL_PASSWORD"], safe=""))
    changed = [name for name, text in contents.items() if read(folder / name) != text]
    for name in changed:
        write(folder / name, contents[name])
    return changed


def choose(file: Path, given: str | None, name: str, replace: bool) -> str:
    """The password that is kept, else the one given, else a new one."""
    kept = read(file)
    if given and kept and given != kept and not replace:
        raise Differs(
            f"{name} is not the one that MySQL was started with: leave it out of .env, or change it in MySQL first"
            " (docs/containers.md, Change the passwords)."
        )
    return (given if replace else kept or given) or kept or secrets.token_urlsafe(32)


def read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def write(file: Path, text: str) -> None:
    """Whole or not at all, for the owner and the group alone (the server is the owner, MySQL the group)."""
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o440), "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    part.chmod(0o440)  # whatever the umask
    part.rename(file)


def open_to_group(folder: Path) -> None:
    """A new volume is its owner's alone. Given to this process's group, the one that the compose file chose."""
    if (folder.stat().st_gid, folder.stat().st_mode & 0o777) != (os.getegid(), 0o750):
        os.chown(folder, -1, os.getegid())
        folder.chmod(0o750)


def main(arguments: list[str]) -> int:
    open_to_group(FOLDER)
    try:
        changed = keep(FOLDER, os.environ, "--replace" in arguments)
    except Differs as reason:
        print(f"Error: {reason}", file=sys.stderr)
        return 1
    print(f"Wrote {', '.join(changed)}." if changed else "The passwords are there already.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

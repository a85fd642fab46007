"""`make env`: writes .env, with passwords made by chance, for docker-compose.yml. One that is there stays as it is.

Standard library only, and nothing of ours: whoever has Docker may have no virtual environment.
"""

import os
import secrets
import sys
from pathlib import Path

FILE = Path(__file__).parent.parent / ".env"
CONTENT = """\
# What docker-compose.yml takes from here. Keep it: a password cannot be read back out of MySQL.
MYSQL_PASSWORD={password}
MYSQL_ROOT_PASSWORD={root_password}

# The port of this machine's loopback that the server is reached at.
#COMPLIANCE_PORT=8080
# An image that is built or pulled elsewhere.
#COMPLIANCE_IMAGE=registry.example.com/compliance@sha256:...
"""


def write(file: Path) -> bool:
    """False where there is one already. For its owner alone, whatever the umask."""
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(number, "w", encoding="utf-8") as out:
        out.write(CONTENT.format(password=secrets.token_urlsafe(32), root_password=secrets.token_urlsafe(32)))
    return True


def main() -> int:
    print(f"Wrote {FILE}." if write(FILE) else f"{FILE} is there already and stays as it is.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

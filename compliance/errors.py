"""The error tree. Inside, a failure is data; at an edge it is one of these; `cli` makes it a sentence and an exit code.

    ComplianceError                 exit 1: it failed
    ├── WrongUsage                  exit 2: the command, a file or a value has to be put right
    ├── Unreachable                 exit 3: the server (or the database) cannot be reached now; trying again may help
    ├── Refused                     exit 4: the server understood and said no: a key, a role, a revoked token
    └── Broken                      exit 1: this machine's own files, disk or database are in the way

Every message is one sentence or two for a person: what is wrong, and what to do next. A message never holds a secret.
"""


class ComplianceError(Exception):
    """Something failed, and the message says what to do next."""

    exit_code = 1


class WrongUsage(ComplianceError):
    """The command line, a configuration file or a value is wrong."""

    exit_code = 2


class Unreachable(ComplianceError):
    """The other side did not answer; nothing is lost, and the same call may work later."""

    exit_code = 3


class Refused(ComplianceError):
    """The other side answered no, and will again until something is changed."""

    exit_code = 4


class Broken(ComplianceError):
    """A file, a folder, a disk or a database of this machine cannot be used as it is."""

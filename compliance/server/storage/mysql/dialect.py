"""What MySQL's and MariaDB's error numbers mean to us."""

import pymysql

from compliance.errors import Broken, ComplianceError, Refused, Unreachable
from compliance.server.storage.pool import Dialect

DEADLOCK = frozenset({1205, 1213, 1020, 9007})
"""Lock wait, deadlock (also Galera's certification failure), changed since read (MariaDB 11.6), conflict (TiDB)."""

LOST = frozenset(
    {2002, 2003, 2006, 2013, 2014, 2055, 1053, 1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1927, 3169, 4031}
)
"""Cannot connect, gone away, lost during a query, out of step, shutting down, network, killed, idle too long."""

FAILED_OVER = frozenset({1290, 1792, 1836, 1047, 3100})
"""A read-only server or transaction, or a Galera node without its cluster: a new connection may reach the writer."""

DISK = frozenset({1021, 1114, 1026, 3, 28, 1041, 1037, 1038})
CORRUPT = frozenset({1030, 1033, 1034, 1035, 1194, 1195, 1712, 1932})
FORBIDDEN = frozenset({1044, 1142, 1143, 1227, 1370, 1410})
LOGIN = frozenset({1045, 1130, 1251, 1698, 1820, 1862, 2059, 2061})
CROWDED = frozenset({1040, 1203, 1226, 1129})
ALREADY_THERE = frozenset({1050, 1060, 1061, 1826, 1022})


def cause(error: BaseException) -> BaseException:
    """The driver's error behind one of ours."""
    if isinstance(error, ComplianceError) and error.__cause__ is not None:
        return error.__cause__
    return error


def number(error: BaseException) -> int:
    """MySQL's error number; 2006 (gone away) for a connection that the driver has closed; -1 for anything else."""
    error = cause(error)
    if not isinstance(error, pymysql.MySQLError):
        return -1
    code = error.args[0] if error.args and isinstance(error.args[0], int) else -1
    return 2006 if isinstance(error, pymysql.InterfaceError) and code in (0, -1) else code


class MysqlDialect(Dialect):
    name = "mysql"
    for_update = " FOR UPDATE"

    def __init__(self, place: str, user: str) -> None:
        self.place = place
        self.user = user

    def now_sql(self, plus_seconds: int = 0) -> str:
        now = f"DATE_ADD(UTC_TIMESTAMP(3), INTERVAL {plus_seconds} SECOND)" if plus_seconds else "UTC_TIMESTAMP(3)"
        return f"CAST({now} AS DATETIME(3))"

    def is_retryable(self, error: BaseException) -> bool:
        return number(error) in DEADLOCK

    def is_disconnect(self, error: BaseException) -> bool:
        return number(error) in LOST or number(error) in FAILED_OVER

    def is_missing_parent(self, error: BaseException) -> bool:
        return number(error) in (1452, 1216)

    def is_still_named(self, error: BaseException) -> bool:
        return number(error) in (1451, 1217)

    def is_duplicate(self, error: BaseException) -> bool:
        return number(error) in (1062, 1586)

    def is_already_there(self, error: BaseException) -> bool:
        # 1005 is MariaDB's "cannot create"; errno 121 in its text: a foreign key of that name exists.
        return number(error) in ALREADY_THERE or (number(error) == 1005 and "errno: 121" in str(cause(error)))

    def trouble(self, error: BaseException) -> ComplianceError | None:
        if isinstance(error, ComplianceError):
            return error
        code = number(error)
        detail = error.args[-1] if error.args else ""
        it = f"database at {self.place}"
        if code in LOST:
            return Unreachable(f"Cannot reach the {it}: is it running, and is the address right? ({detail})")
        if code in FAILED_OVER:
            return Unreachable(f"The {it} takes no writes now (read-only, or failing over): try again.")
        if code in DEADLOCK:
            return Unreachable(f"Other writers were in the way in the {it}: try again. ({detail})")
        if code in CROWDED:
            return Unreachable(f"The {it} takes no more connections: raise max_connections, or try again.")
        if code == 2026:
            return Refused(f"The {it} and this URL's ssl options do not agree. ({detail})")
        if code in LOGIN:
            return Refused(f"The {it} refused {self.user!r}: check the URL. ({detail})")
        if code in FORBIDDEN:
            return Refused(f"{self.user!r} may not do this in the {it}: grant it ALL on the database. ({detail})")
        return self._broken(code, detail, it)

    def _broken(self, code: int, detail: str, it: str) -> ComplianceError | None:
        if code in DISK:
            return Broken(f"The disk or the memory of the {it} is full: free some, and it goes on. ({detail})")
        if code in CORRUPT:
            return Broken(
                f"A table of the {it} is damaged or cannot be read: see the database server's log. ({detail})"
            )
        if code == 1146:
            return Broken(f"The {it} lacks a table: run `compliance server migrate`. ({detail})")
        if code == 1049:
            return Broken(f"The {it} does not exist (any more). ({detail})")
        return None

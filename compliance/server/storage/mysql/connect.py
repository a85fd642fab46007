"""From a URL to connections that all behave alike, whatever the server's own settings are."""

import ssl
from pathlib import Path
from threading import Lock
from typing import Any

import pymysql
from pymysql.constants import CLIENT, FIELD_TYPE
from pymysql.converters import conversions
from pymysql.cursors import Cursor

from compliance.errors import Refused, WrongUsage
from compliance.server.storage.mysql.dialect import MysqlDialect, number
from compliance.server.storage.mysql.session import MysqlSession
from compliance.server.storage.pool import Session
from compliance.server.storage.url import MysqlURL

RDS = Path(__file__).with_name("rds.pem")
"""What `ssl-ca=rds` means: no file has to be fetched, or be there, where the server runs."""
CONNECT_SECONDS = 5
ANSWER_SECONDS = 60
LOCK_SECONDS = 20
"""How long a statement waits for a row's lock; below ANSWER_SECONDS, so that the server's own error arrives first."""

# Modes are added to what the server has: setting sql_mode outright would turn its strict mode off. ANSI_QUOTES and
# PIPES_AS_CONCAT read SQL as SQLite does (and Piccolo writes it); NO_BACKSLASH_ESCAPES would break our literals.
_SETTINGS = (
    "SET SESSION sql_mode = CONCAT_WS(',', NULLIF(REPLACE(@@SESSION.sql_mode, 'NO_BACKSLASH_ESCAPES', ''), ''),"
    " 'ANSI_QUOTES,PIPES_AS_CONCAT,STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'),"
    f" SESSION time_zone = '+00:00', SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
)


def _number(text: str) -> int | float:
    """Sums of integers come as DECIMAL: 12 is an int, 12.5 (an average) a float, as SQLite has them."""
    return float(text) if "." in text else int(text)


def _converters() -> dict[Any, Any]:
    made = dict(conversions)
    # Moments stay the text that the server sends: every DATETIME(3) in 23 characters, .000 included.
    for kind in (FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP, FIELD_TYPE.DATE, FIELD_TYPE.TIME):
        made.pop(kind)
    made[FIELD_TYPE.DECIMAL] = made[FIELD_TYPE.NEWDECIMAL] = _number
    return made


_CONVERTERS = _converters()


class MysqlDriver:
    """Makes the sessions of one database, and the database itself when it is missing and may be made."""

    def __init__(self, url: MysqlURL) -> None:
        self.url = url
        self.dialect = MysqlDialect(url.place, url.user)
        self._casts: dict[str, dict[str, str]] = {}
        self._casts_lock = Lock()

    def prepare(self) -> None:
        try:
            self.connect().close()
        except pymysql.MySQLError as error:
            if number(error) not in (1044, 1049):
                raise
            self._create()

    def connect(self, answer_seconds: float = ANSWER_SECONDS) -> MysqlSession:
        connection = self._open(self.url.name, answer_seconds)
        try:
            with connection.cursor() as cursor:
                for setting in _SETTINGS:
                    cursor.execute(setting)
        except BaseException:
            connection.close()
            raise
        return MysqlSession(connection, self.key_casts)

    def key_casts(self, session: Session, table: str) -> dict[str, str]:
        """For a table's text and time columns: how a derived value becomes comparable with the indexed column."""
        with self._casts_lock:
            known = self._casts.get(table)
        if known is None:
            known = _read_casts(session, table)
            with self._casts_lock:
                self._casts[table] = known
        return known

    def _open(self, name: str | None, answer_seconds: float) -> "pymysql.Connection[Cursor]":
        url = self.url
        return pymysql.connect(
            host=url.host,
            port=url.port,
            user=url.user,
            password=url.password.encode(),  # a str would be sent as latin-1
            database=name,
            charset="utf8mb4",
            collation="utf8mb4_bin",
            autocommit=True,
            conv=_CONVERTERS,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=answer_seconds,
            write_timeout=answer_seconds,
            # Rows matched, not rows changed: what SQLite counts.
            client_flag=CLIENT.FOUND_ROWS,
            ssl=tls(url),
        )

    def _create(self) -> None:
        quoted = "`" + self.url.name.replace("`", "``") + "`"
        line = f"CREATE DATABASE {quoted} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        try:
            connection = self._open(None, ANSWER_SECONDS)
            try:
                with connection.cursor() as cursor:
                    cursor.execute(line.replace("DATABASE", "DATABASE IF NOT EXISTS", 1))
            finally:
                connection.close()
            self.connect().close()
        except pymysql.MySQLError as error:
            if number(error) not in (1044, 1049, 1227):
                raise
            raise Refused(
                f"There is no database {self.url.name!r} at {self.url.place} that {self.url.user!r} may use or make. "
                f"As its administrator run: {line}; GRANT ALL ON {quoted}.* TO {self.url.user!r};"
            ) from error


def tls(url: MysqlURL) -> ssl.SSLContext | None:
    """None where the URL has no ssl option."""
    if url.ssl_verify is None:
        return None
    try:
        context = ssl.create_default_context(cafile=RDS if url.ssl_ca == "rds" else url.ssl_ca)
        if url.ssl_cert:
            context.load_cert_chain(url.ssl_cert, url.ssl_key)
    except (OSError, ValueError) as error:
        files = ", ".join(path for path in (url.ssl_ca, url.ssl_cert, url.ssl_key) if path)
        raise WrongUsage(f"The certificate files in the database URL cannot be used ({files}): {error}.") from None
    # Certificates that MySQL and MariaDB make for themselves lack fields that Python 3.13 asks for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.check_hostname = url.ssl_verify == "identity"
    context.verify_mode = ssl.CERT_NONE if url.ssl_verify == "off" else ssl.CERT_REQUIRED
    return context


def _read_casts(session: Session, table: str) -> dict[str, str]:
    before = session.statements
    rows = session.query(
        "SELECT column_name, data_type, character_set_name, collation_name, datetime_precision"
        " FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?",
        [table],
    )
    session.statements = before
    casts = {}
    for name, kind, charset, collation, precision in rows:
        if charset == "ascii":
            casts[name] = f"CAST({{}} AS CHAR CHARACTER SET ascii) COLLATE {collation}"
        elif kind == "datetime":
            casts[name] = f"CAST({{}} AS DATETIME({precision}))"
    return casts

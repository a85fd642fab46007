"""Database URLs: what a person writes into `--database`, taken apart and checked before anything is opened.

    sqlite:///compliance.db                   three slashes: a path relative to the working folder
    sqlite:////var/lib/compliance/it.db       four slashes: an absolute path (as SQLAlchemy has it)
    mysql://user:password@host:3306/name      `mariadb://` is the same; special characters as %XX; IPv6 as [::1]
        ?ssl-ca=/p/ca.pem                     TLS, the server's certificate checked against this authority, its name too
        ?ssl-ca=rds                           the same against the roots of Amazon RDS, which come with this package
        &ssl-cert=/p/c.pem&ssl-key=/p/k.pem   this client's own certificate
        &ssl-verify=identity|ca|off           certificate and name (default with TLS), certificate only, neither

Without any ssl option TLS is used when the server offers it, and nothing is checked.
No message, `str()` or `repr()` of anything here holds the password.
"""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from compliance.errors import WrongUsage

FORMS = "sqlite:///relative.db, sqlite:////absolute/path.db or mysql://user:password@host:port/name"
SSL_OPTIONS = ("ssl-ca", "ssl-cert", "ssl-key", "ssl-verify")
SSL_VERIFY = ("identity", "ca", "off")


@dataclass(frozen=True, slots=True)
class SqliteURL:
    path: Path

    def __str__(self) -> str:
        return f"sqlite:///{quote(str(self.path))}"


@dataclass(frozen=True, slots=True)
class MysqlURL:
    host: str
    port: int
    user: str
    name: str
    password: str = field(default="", repr=False)
    ssl_ca: str | None = None
    ssl_cert: str | None = None
    ssl_key: str | None = None
    ssl_verify: str | None = None
    """One of SSL_VERIFY, or None when no ssl option was written at all."""

    @property
    def place(self) -> str:
        """`host:port/name`, as sentences name the database."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{self.name}"

    def __str__(self) -> str:
        secret = ":***" if self.password else ""
        return f"mysql://{quote(self.user)}{secret}@{self.place}"


StoreURL = SqliteURL | MysqlURL


def parse_url(text: str) -> StoreURL:
    """WrongUsage, with a sentence that never quotes the text (it may hold a password), for what is no database URL."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        raise WrongUsage(f"The database URL cannot be read: write it as {FORMS}, special characters as %XX.") from None
    if parts.fragment or text.rstrip().endswith("#"):
        raise WrongUsage("The database URL holds a '#': write it as %23.")
    if parts.scheme == "sqlite":
        return _sqlite(parts)
    if parts.scheme in ("mysql", "mariadb"):
        return _mysql(parts)
    raise WrongUsage(f"The database URL must be one of {FORMS}.")


def _sqlite(parts: SplitResult) -> SqliteURL:
    if parts.netloc:
        raise WrongUsage("A SQLite URL has three slashes before a relative path and four before an absolute one.")
    if parts.query:
        raise WrongUsage("A SQLite URL takes no options: leave out what follows the '?' (or write it as %3F).")
    path = unquote(parts.path).removeprefix("/")
    if path in ("", ":memory:"):
        raise WrongUsage("A SQLite URL needs a file: sqlite:////var/lib/compliance/compliance.db, for example.")
    return SqliteURL(Path(path))


def _mysql(parts: SplitResult) -> MysqlURL:
    name = unquote(parts.path).removeprefix("/")
    if not name or "/" in name:
        raise WrongUsage("A MySQL URL ends with one database name: mysql://user:password@host:port/name.")
    if not parts.hostname or not parts.username:
        raise WrongUsage("A MySQL URL names a user and a host: mysql://user:password@host:port/name.")
    options = _ssl_options(parts.query)
    return MysqlURL(
        host=unquote(parts.hostname),
        port=_port(parts),
        user=unquote(parts.username),
        name=name,
        password=unquote(parts.password or ""),
        ssl_ca=options.get("ssl-ca"),
        ssl_cert=options.get("ssl-cert"),
        ssl_key=options.get("ssl-key"),
        ssl_verify=options.get("ssl-verify", "identity" if options else None),
    )


def _port(parts: SplitResult) -> int:
    try:
        return parts.port or 3306
    except ValueError:
        raise WrongUsage(
            "The port in the database URL is no number from 1 to 65535 (':' and '/' in a password are %3A and %2F)."
        ) from None


def _ssl_options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for option in options:
        if option not in SSL_OPTIONS:
            raise WrongUsage(f"The database URL has an unknown option {option!r}; known are {', '.join(SSL_OPTIONS)}.")
    if options.get("ssl-verify", "off") not in SSL_VERIFY:
        raise WrongUsage(f"ssl-verify in the database URL is one of {', '.join(SSL_VERIFY)}.")
    if "ssl-key" in options and "ssl-cert" not in options:
        raise WrongUsage("ssl-key in the database URL needs ssl-cert beside it.")
    return options

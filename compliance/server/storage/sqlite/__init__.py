"""The embedded store: one SQLite file, for a machine or a fleet that wants no database server."""

from compliance.server.storage.sqlite.connect import SqliteDriver

__all__ = ["SqliteDriver"]

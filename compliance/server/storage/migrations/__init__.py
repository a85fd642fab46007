"""Every migration there is, in order. One that was released is never edited: a change is a new one."""

from compliance.server.storage.migration import Migration
from compliance.server.storage.migrations.m0001_first_tables import FIRST_TABLES
from compliance.server.storage.migrations.m0002_policies import POLICIES

MIGRATIONS: tuple[Migration, ...] = (FIRST_TABLES, POLICIES)

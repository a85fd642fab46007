"""Tables of these tests only: machines in rooms."""

from typing import Any

from piccolo.columns import BigInt, Boolean, Bytea, ForeignKey, Real, Serial, Varchar
from piccolo.table import Table

from compliance.server.storage.engine import ENGINE, Store
from compliance.server.storage.migrate import migrate
from compliance.server.storage.migration import Migration

TABLES = Migration(
    1,
    "rooms and machines",
    (
        "CREATE TABLE IF NOT EXISTS health (id {u8} NOT NULL, checked_at {time} NOT NULL, PRIMARY KEY (id))"
        " {table_options}",
        "CREATE TABLE IF NOT EXISTS room (room_id {id}, name {text:40} NOT NULL, cooled {bool} NOT NULL)"
        " {table_options}",
        "CREATE TABLE IF NOT EXISTS machine (machine_id {id}, room {ref} NOT NULL, name {text:40} NOT NULL,"
        " digest {digest} NOT NULL, seen_at {time} NOT NULL, watts {i64} NOT NULL, ratio {real}, spare {bool},"
        " CONSTRAINT machine_room FOREIGN KEY (room) REFERENCES room (room_id)) {table_options}",
        "{unique:machine_digest ON machine (digest)|a machine by its digest}",
        "CREATE TABLE IF NOT EXISTS run (machine {ref} NOT NULL, boot {ascii:36} NOT NULL, started_at {time} NOT NULL,"
        " ended_at {time} NOT NULL, note {text:200}, weight {real},"
        " PRIMARY KEY (machine, boot, started_at)) {table_options}",
    ),
)


class Room(Table, tablename="room", db=ENGINE):
    room_id = Serial(primary_key=True)
    name = Varchar(length=40)
    cooled = Boolean()


class Machine(Table, tablename="machine", db=ENGINE):
    machine_id = Serial(primary_key=True)
    room = ForeignKey(Room)
    name = Varchar(length=40)
    digest = Bytea()
    seen_at = Varchar(length=23)
    watts = BigInt()
    ratio = Real(null=True, default=None)
    spare = Boolean(null=True, default=None)


def with_tables(store: Store) -> Store:
    migrate(store, [TABLES])
    return store


async def fill(store: Store) -> dict[str, Any]:
    """Two rooms; three machines, two of them in the first."""
    ids = {}
    for name, cooled in (("north", True), ("south", False)):
        (row,) = await store.rows(Room.insert(Room(name=name, cooled=cooled)))
        ids[name] = row["room_id"]
    for number, (name, room) in enumerate((("web-1", "north"), ("web-2", "north"), ("db%1", "south"))):
        machine = Machine(
            room=ids[room],
            name=name,
            digest=bytes([number]) * 16,
            seen_at=f"2026-11-24 14:03:0{number}.000",
            watts=100 * (number + 1),
            ratio=0.5 * number,
            spare=[True, False, None][number],
        )
        await store.rows(Machine.insert(machine))
    return ids

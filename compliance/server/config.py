"""What a server is started with."""

from dataclasses import dataclass

MEGABYTE = 2**20


@dataclass(frozen=True)
class Config:
    """Sizes are bytes."""

    database: str
    """A URL as `storage.url` reads it; it may hold a password and is never shown."""
    max_body: int = 4 * MEGABYTE
    """A request's body as it comes in."""
    max_unpacked: int = 32 * MEGABYTE
    """The same after decompression."""
    queue_bytes: int = 64 * MEGABYTE
    """Reports that wait for the writer."""

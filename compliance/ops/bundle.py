"""Where the templates are: in the checkout that runs, or in the package that was installed."""

from __future__ import annotations

from pathlib import Path

import compliance
from compliance.errors import WrongUsage
from compliance.ops.stacks import FILE, Stack, read_stacks

PACKAGE = Path(compliance.__file__).parent


def folder(chosen: Path | None = None) -> Path:
    """The folder named, the checkout's templates/cloudformation, or what travelled inside the wheel."""
    if chosen is not None:
        if not (chosen / FILE).is_file():
            raise WrongUsage(f"There is no {FILE} in {chosen}: --templates names a folder with it and its templates.")
        return chosen
    for place in (PACKAGE.parent / "templates" / "cloudformation", PACKAGE / "ops" / "cloudformation"):
        if (place / FILE).is_file():
            return place
    raise WrongUsage("This installation has no templates: install `compliance-monitor[ops]` anew, or give --templates.")


def stacks(chosen: Path | None = None) -> dict[str, Stack]:
    return read_stacks(folder(chosen))


def checkout() -> Path | None:
    """The folder with the Dockerfile that this program runs from; None for an installed package."""
    return PACKAGE.parent if (PACKAGE.parent / "Dockerfile").is_file() else None

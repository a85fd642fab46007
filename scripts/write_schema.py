"""Writes docs/policies.schema.json from the Structs of a policy; with --check says whether it is up to date."""

import json
import sys
from pathlib import Path

from compliance.server.policies.schema import schema

PAGE = Path(__file__).parent.parent / "docs" / "policies.schema.json"


def page() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    if "--check" not in sys.argv[1:]:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    print(
        "docs/policies.schema.json is not what the Structs say: run `python scripts/write_schema.py`.", file=sys.stderr
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())

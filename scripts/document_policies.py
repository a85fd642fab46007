"""Writes what the documents say of policies: the schema for editors, the shipped policies, the table of releases.

docs/policies.schema.json is made from the Structs, the tables in docs/policies.md from the policies and releases that
come with us. With --check it says whether they are up to date.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from compliance.server.policies.catalogue import builtin
from compliance.server.policies.controls import FRAMEWORKS, READING
from compliance.server.policies.policy import Policy
from compliance.server.policies.releases import RELEASES
from compliance.server.policies.schema import schema

DOCS = Path(__file__).parent.parent / "docs"


def schema_page() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def policies_page(text: str) -> str:
    """The page with its tables made anew; what is written by hand stays."""
    for name, lines in (("catalogue", catalogue()), ("releases", releases())):
        begin, end = f"<!-- {name}: made by scripts/document_policies.py -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n" + "\n".join(lines) + f"\n{end}{after}"
    return text


def catalogue() -> Iterator[str]:
    policies = [one.policy for one in builtin().loaded]
    packs = list(dict.fromkeys(policy.pack or "" for policy in policies))
    yield f"{len(policies)} policies in {len(packs)} packs. {READING}"
    for pack in packs:
        yield f"\n#### {pack}\n"
        yield "| policy | severity | what has to be so | " + " | ".join(HEADS) + " |"
        yield "|---|---|---|" + "---|" * len(HEADS)
        yield from (row(policy) for policy in policies if policy.pack == pack)


HEADS = ("NIST 800-53", "CIS v8", "SOC 2", "ISO 27001", "PCI DSS")


def row(policy: Policy) -> str:
    ids = [" ".join(getattr(policy.controls, name)) for name in FRAMEWORKS]
    return f"| `{policy.id}` | {policy.severity} | {policy.title} | {' | '.join(ids)} |"


def releases() -> Iterator[str]:
    yield "| system | release | support | free | paid | other editions | as of | source |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in RELEASES.values():
        days = [str(day or "") for day in (one.regular or "not published", one.free, one.paid, one.other_editions)]
        yield f"| {one.system} | {one.version} | {' | '.join(days)} | {one.as_of} | <{one.source}> |"


def pages() -> dict[Path, str]:
    page = DOCS / "policies.md"
    return {DOCS / "policies.schema.json": schema_page(), page: policies_page(page.read_text(encoding="utf-8"))}


def main() -> int:
    stale = [path for path, text in pages().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if "--check" not in sys.argv[1:]:
        for path in stale:
            path.write_text(pages()[path], encoding="utf-8")
        return 0
    for path in stale:
        print(f"docs/{path.name} is not up to date: run `python scripts/document_policies.py`.", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())

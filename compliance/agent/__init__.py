"""The agent: looks at one host and tells the server what changed. Synchronous, and alone on its host."""

import sys

# httpx loads a command line of its own (click, rich, Pygments) where it finds them: 6 MB and 100 ms for nothing.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

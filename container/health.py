"""The image's HEALTHCHECK: does the server of this container take reports? Standard library only, for it runs often."""

import ssl
import sys
import urllib.error
import urllib.request

PORT = 8080
SECONDS = 8.0


def ask(scheme: str, port: int = PORT) -> str | None:
    """What stands in the way; None when the server is ready."""
    # Nothing is told to whoever answers, and it answers on this container's own loopback: no name to check.
    trust = ssl._create_unverified_context() if scheme == "https" else None
    request = f"{scheme}://127.0.0.1:{port}/health/ready"
    try:
        with urllib.request.urlopen(request, timeout=SECONDS, context=trust):
            return None
    except urllib.error.HTTPError as error:  # 503 says why in its body
        return error.read(1000).decode(errors="replace")
    except OSError as error:
        return f"{scheme}: {error}"


def main(port: int = PORT) -> int:
    """Over http, or, where the server was given a certificate, over https."""
    troubles = []
    for scheme in ("http", "https"):
        trouble = ask(scheme, port)
        if trouble is None:
            return 0
        troubles.append(trouble)
    print(*troubles, sep="\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

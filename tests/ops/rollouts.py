"""What tests of deployments share: an image that needs no Docker."""

from compliance.ops.errors import Failed

IMAGE = f"example.org/compliance@sha256:{'a' * 64}"
OTHER_IMAGE = f"example.org/compliance@sha256:{'b' * 64}"


class Fixed:
    """An image that is there."""

    def __init__(self, uri: str = IMAGE) -> None:
        self.uri = uri

    def ready(self) -> str:
        return self.uri

    def build(self, platform: str | None) -> None:
        raise AssertionError

    def push(self, repository: str) -> str:
        raise AssertionError


class Making:
    """An image that has to be built and pushed; `log` tells the order."""

    def __init__(self, fails: str | None = None) -> None:
        self.log: list[str] = []
        self.fails = fails

    def ready(self) -> None:
        self.log.append("ready")

    def build(self, platform: str | None) -> None:
        self.log.append(f"build for {platform}")
        if self.fails == "build":
            raise Failed("the build failed")

    def push(self, repository: str) -> str:
        self.log.append(f"push {repository}")
        return f"{repository}@sha256:{'c' * 64}"

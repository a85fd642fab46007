"""`compliance ops ...`: validate, plan, deploy, look after and delete the stacks on AWS."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compliance import __version__, console
from compliance.console import Format
from compliance.errors import ComplianceError, WrongUsage

if TYPE_CHECKING:
    from compliance.ops.aws import Cloud
    from compliance.ops.deployer import Deployer
    from compliance.ops.plan import Planner
    from compliance.ops.rollout import Image
    from compliance.ops.stacks import Stack
    from compliance.ops.terminal import Terminal

app = typer.Typer(
    help="Put the server on AWS, and look after it there.\n\n$ compliance ops plan --stack dev\n\n"
    "$ compliance ops deploy --stack dev",
    no_args_is_help=True,
)

StackName = Annotated[str, typer.Option("--stack", help="The stack of stacks.toml, such as dev or prod.")]
AnyStack = Annotated[str | None, typer.Option("--stack", help="This stack only; by default all of stacks.toml.")]
Output = Annotated[Format, typer.Option("--output", "-o", help="A table for eyes, or json or csv for programs.")]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", metavar="KEY=VALUE", help="A parameter of the templates; give it again for another."),
]
ImageUri = Annotated[
    str | None,
    typer.Option("--image", help="The image to run; a tag is turned into its digest. By default it is built here."),
]
Profile = Annotated[str | None, typer.Option(help="The AWS profile; AWS_PROFILE does the same.")]
Region = Annotated[str | None, typer.Option(help="The AWS region; AWS_REGION and the profile do the same.")]
Templates = Annotated[
    Path | None,
    typer.Option(help="A folder of your own with stacks.toml and templates, instead of those that came with this."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Answer yes to each question, but never for what holds data.")]
Confirm = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The stack's name, as you would type it where data would be lost."),
]


@app.command()
def validate(
    stack: AnyStack = None,
    parameter: Parameters = None,
    output: Output = Format.table,
    templates: Templates = None,
) -> None:
    """Prove offline that templates, parameters and order fit together.

    $ compliance ops validate
    """
    from compliance.ops import bundle, tables
    from compliance.ops.stacks import choose, parse_given
    from compliance.ops.validate import complaints, wired

    stacks = bundle.stacks(templates)
    chosen = [choose(stacks, stack)] if stack else list(stacks.values())
    given = {one.name: parse_given(parameter or [], one) for one in chosen}
    found = [complaint for one in chosen for complaint in complaints(one, given[one.name])]
    tables.show_wired((row for one in chosen for row in wired(one, given[one.name])), output)
    if found:
        tables.show_complaints(found)
        raise ComplianceError(f"{len(found)} of this would fail on AWS: put the templates or stacks.toml right.")
    console.say(f"{', '.join(one.name for one in chosen)}: everything fits together.")


@app.command()
def plan(
    stack: StackName,
    parameter: Parameters = None,
    image: ImageUri = None,
    output: Output = Format.table,
    profile: Profile = None,
    region: Region = None,
    templates: Templates = None,
) -> None:
    """Show what a deployment would add, change, replace and remove; nothing is done.

    $ compliance ops plan --stack prod --parameter Email=ops@example.org
    """
    from compliance.ops import tables
    from compliance.ops.rollout import needs_image

    room = _Room(stack, parameter, profile, region, templates)
    uri = room.image(image).ready() if image else None
    made = room.planner.plan(room.planner.standings(), uri)
    try:
        tables.show_plan(made, output)
    finally:
        room.planner.discard(made.steps)
    if needs_image(room.stack) and uri is None and output is Format.table:
        console.say("This plan keeps the image that runs; `deploy` builds another unless --image names it.")


@app.command()
def deploy(
    stack: StackName,
    yes: Yes = False,
    confirm: Confirm = None,
    parameter: Parameters = None,
    image: ImageUri = None,
    profile: Profile = None,
    region: Region = None,
    templates: Templates = None,
) -> None:
    """Make the stack, or bring it to this version: image, plan, question, and then CloudFormation, live.

    $ compliance ops deploy --stack prod --parameter Email=ops@example.org
    """
    from compliance.ops.rollout import Rollout, needs_image

    room = _Room(stack, parameter, profile, region, templates)
    rollout = Rollout(room.planner, room.deployer, _terminal(yes, confirm))
    rollout.deploy(room.image(image) if needs_image(room.stack) else None)
    console.say(f"`compliance ops status --stack {stack}` tells how it is, `ops outputs --stack {stack}` where.")


@app.command()
def status(
    stack: AnyStack = None,
    drift: Annotated[
        bool, typer.Option("--drift", help="Ask AWS what was changed by hand; it takes a minute or so.")
    ] = False,
    output: Output = Format.table,
    profile: Profile = None,
    region: Region = None,
    templates: Templates = None,
) -> None:
    """Tell how each template stands, since when, and what the server says of itself; 1 when something is wrong.

    $ compliance ops status --stack prod --drift
    """
    from compliance.ops import bundle, overview, tables
    from compliance.ops.aws import connect
    from compliance.ops.deployer import Deployer
    from compliance.ops.stacks import choose
    from compliance.ops.status import troubles

    stacks = bundle.stacks(templates)
    chosen = [choose(stacks, stack)] if stack else list(stacks.values())
    cloud = connect(profile, region)
    deployer = Deployer(cloud.api("cloudformation"))
    looks = [overview.look(one, deployer, partial(overview.ask_server, cloud), drift) for one in chosen]
    rows = [row for look in looks for row in look]
    tables.show_status(rows, output, cloud.region)
    wrong = troubles(rows)
    if wrong:
        told = "; ".join(sentence for _, sentence in wrong)
        raise ComplianceError(f"{told}. `compliance ops events --stack {wrong[0][0]}` shows what happened.")


@app.command()
def events(
    stack: StackName,
    template: Annotated[str | None, typer.Option(help="Events of this template only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show so many of the newest events.")] = 50,
    output: Output = Format.table,
    profile: Profile = None,
    region: Region = None,
    templates: Templates = None,
) -> None:
    """Show what CloudFormation did, the newest last.

    $ compliance ops events --stack prod --template server
    """
    from compliance.ops import tables
    from compliance.ops.errors import NotThere

    room = _Room(stack, None, profile, region, templates)
    names = [one.name for one in room.stack.templates]
    if template is not None and template not in names:
        raise WrongUsage(f"{stack} has no template {template!r}; it has {', '.join(names)}.")
    found = []
    for one in room.stack.templates:
        if template in (None, one.name):
            try:
                found += room.deployer.events(room.stack.called(one), limit)
            except NotThere:
                continue
    found.sort(key=lambda event: event.at_ms)
    tables.show_events(found[-limit:], output, empty=f"{stack} is not deployed: there are no events.")


@app.command()
def outputs(
    stack: StackName,
    name: Annotated[str | None, typer.Argument(help="Print the value of this output, and nothing else.")] = None,
    output: Output = Format.table,
    profile: Profile = None,
    region: Region = None,
    templates: Templates = None,
) -> None:
    """Show what the stack tells: addresses, names, repositories.

    $ compliance ops outputs --stack prod
    """
    from compliance.ops import overview, tables

    room = _Room(stack, None, profile, region, templates)
    rows = overview.outputs(room.stack, room.deployer)
    if name is None:
        tables.show_outputs(rows, output, empty=f"{stack} is not deployed: it has no outputs.")
        return
    values = [row["value"] for row in rows if row["name"] == name]
    if not values:
        told = ", ".join(row["name"] for row in rows) or "none: it is not deployed"
        raise ComplianceError(f"{stack} has no output {name}; it has {told}.")
    typer.echo(values[0])


@app.command()
def delete(
    stack: StackName,
    yes: Yes = False,
    confirm: Confirm = None,
    profile: Profile = None,
    region: Region = None,
    templates: Templates = None,
) -> None:
    """Delete the stack, the last template first; what holds data wants the stack's name typed.

    $ compliance ops delete --stack dev
    """
    from compliance.ops.rollout import Rollout

    room = _Room(stack, None, profile, region, templates)
    Rollout(room.planner, room.deployer, _terminal(yes, confirm)).delete()


class _Room:
    """What most commands need: the stack, AWS, and who deploys it."""

    stack: Stack
    cloud: Cloud
    deployer: Deployer
    planner: Planner

    def __init__(
        self, name: str, parameters: list[str] | None, profile: str | None, region: str | None, templates: Path | None
    ) -> None:
        # Late, so that --help and `validate` need no boto3.
        from compliance.ops import bundle
        from compliance.ops.aws import connect
        from compliance.ops.deployer import Deployer
        from compliance.ops.plan import Planner
        from compliance.ops.stacks import choose, parse_given

        self.stack = choose(bundle.stacks(templates), name)
        given = parse_given(parameters or [], self.stack)
        self.cloud = connect(profile, region)
        self.deployer = Deployer(self.cloud.api("cloudformation"))
        self.planner = Planner(self.stack, self.deployer, given, self.cloud.region, __version__)

    def image(self, uri: str | None) -> Image:
        from compliance.ops import bundle
        from compliance.ops.image import Built, Docker, Named

        return Named(uri, self.cloud, Docker()) if uri else Built(bundle.checkout(), self.cloud, Docker())


def _terminal(yes: bool, confirm: str | None) -> Terminal:
    from compliance.ops.terminal import Terminal

    return Terminal(yes, confirm)

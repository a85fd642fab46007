"""The root command. Groups load only when one is used, and every error becomes a sentence and an exit code here.

    0    done
    1    failed
    2    wrong usage, or an extra that is not installed
    3    the server (or the database) cannot be reached
    4    refused
    130  stopped with Ctrl-C
    141  whoever read the output stopped reading

Every code but 0, 130 and 141 comes with a sentence that says what to do.
"""

import errno
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from compliance import __version__
from compliance.errors import ComplianceError, WrongUsage

INTERRUPTED = 130
NOT_READ = 141
DEBUG = "COMPLIANCE_DEBUG"


class Group(NamedTuple):
    """Where a group (or a single command) lives: `module` holds its Typer under the name `app`."""

    module: str
    extra: str
    help: str


GROUPS = {
    "up": Group("compliance.up", "server", "Start a server, this host's agent and its report."),
    "agent": Group("compliance.agent.cli", "agent", "Look at this host and report what is seen."),
    "server": Group("compliance.server.cli", "server", "Keep the fleet's evidence, and answer for it."),
    "report": Group("compliance.report.cli", "agent", "Show the fleet, now or at any moment in the past."),
    "ops": Group("compliance.ops.cli", "ops", "Put the server on AWS, and look after it there."),
}


class LazyGroups(TyperGroup):
    """A stub stands for each group in help and completion; the group itself is imported when it is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, group in GROUPS.items():
            self.add_command(TyperCommand(name, help=group.help, rich_markup_mode=None))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in GROUPS else command, rest

    def invoke(self, ctx: Any) -> None:
        try:
            super().invoke(ctx)
        except BrokenPipeError:
            _abandon_output()
            raise typer.Exit(NOT_READ) from None
        except ModuleNotFoundError as error:
            # A command that imports its library only when it runs.
            if ctx.invoked_subcommand in GROUPS and _is_strangers(error):
                raise WrongUsage(_install(ctx.invoked_subcommand)) from error
            raise


def root_command() -> Any:
    return _tidied(typer.main.get_command(app))


def load(name: str) -> Any:
    """The group's command tree; one that only says what to install where its extra is missing."""
    group = GROUPS[name]
    try:
        app = importlib.import_module(group.module).app
    except ModuleNotFoundError as error:
        if _is_strangers(error):
            return _without_extra(name)
        raise
    app.rich_markup_mode = None
    command: Any = typer.main.get_command(app)
    command.name = name
    # Completion belongs to the root alone.
    command.params = [param for param in command.params if param.name not in {"install_completion", "show_completion"}]
    return _tidied(command)


def _is_strangers(error: ModuleNotFoundError) -> bool:
    """Whether another distribution is missing: not a module of ours, nor one that this Python was built without."""
    top = (error.name or "").partition(".")[0]
    return top not in {"", "compliance"} and top not in sys.stdlib_module_names


def _install(name: str) -> str:
    return (
        f"`compliance {name}` needs packages that are not installed. Install them with: "
        f"pip install 'compliance-monitor[{GROUPS[name].extra}]'"
    )


def _without_extra(name: str) -> TyperCommand:
    def refuse() -> None:
        raise WrongUsage(_install(name))

    return TyperCommand(
        name,
        help=f"{GROUPS[name].help}\n\n{_install(name)}",
        callback=refuse,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        rich_markup_mode=None,
    )


def _tidied(command: Any) -> Any:
    """The same tree; examples keep their lines, and plain values need no pydantic."""
    command.help = _examples_kept(command.help or "")
    for param in command.get_params(typer.Context(command)):
        param._runtime_param = AsItIs()
    for child in getattr(command, "commands", {}).values():
        _tidied(child)
    return command


class AsItIs:
    """Takes a value that already is what its annotation says; typer imports pydantic (90 ms) to find that out.

    Stands where typer keeps its own converter, and hands over to it for anything else, so that its checks and its
    messages stay what they are.
    """

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        annotation, how = param.type_descriptor.annotation, param.type_descriptor.parameter_info
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if how.parser is None:
            if type(value) is annotation:
                return value
            if annotation == list[str] and isinstance(value, tuple | list):
                return list(value)
            if _is_choice(annotation) and value in {choice.value for choice in annotation}:
                return annotation(value)
        param._runtime_param = None
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)


def _is_choice(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Enum)


def _examples_kept(text: str) -> str:
    """`\b` stops a paragraph from being wrapped."""
    return "\n\n".join(f"\b\n{part}" if part.startswith("$ ") else part for part in text.split("\n\n"))


app = typer.Typer(cls=LazyGroups, rich_markup_mode=None, no_args_is_help=True)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"compliance {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error comes from; COMPLIANCE_DEBUG=1 does the same.")
    ] = False,
) -> None:
    """Continuous compliance monitoring for hosts: what each one is, what runs on it, and what was true when.

    Start with the whole product on this machine:

    $ compliance up
    """
    if debug:
        # In the environment, so that the processes we start know it too.
        os.environ[DEBUG] = "1"


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; whatever went wrong has been said on stderr."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows its number; it does not end the command.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    code = _call(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon_output()
        return NOT_READ
    except OSError as error:
        _abandon_output()
        _explain(error, _in_words(error))
        return code or 1
    return code


def _call(arguments: Sequence[str]) -> int:
    try:
        root_command().main(args=list(arguments), prog_name="compliance")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except ComplianceError as error:
        _explain(error, str(error))
        return error.exit_code
    except Exception as error:
        _explain(error, _in_words(error))
        return 1
    return 0


def _explain(error: Exception, sentence: str) -> None:
    if os.environ.get(DEBUG, "") not in {"", "0"}:
        traceback.print_exception(error)
    _complain(sentence)


def _complain(sentence: str) -> None:
    from compliance.console import fail

    fail(sentence)


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        place = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{place}: make room, then run it again."
    text = str(error).strip().partition("\n")[0][:200]
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"unexpected error ({what}): run again with `compliance --debug ...` to see where it comes from."


def _abandon_output() -> None:
    """What is still buffered goes nowhere, or Python would complain about it on the way out."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), sys.stdout.fileno())

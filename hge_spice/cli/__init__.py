"""The hge-spice command, a file each: arguments to calls, results to text or JSON, errors to one message and a status.

What a command needs is imported when it runs, so that --help is quick.
"""

import io
import os
import signal
import sys
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

import typer

from hge_spice.cli.allan import allan
from hge_spice.cli.bench import bench
from hge_spice.cli.demodulate import demodulate
from hge_spice.cli.doctor import doctor
from hge_spice.cli.element import plot, subckt
from hge_spice.cli.export import export
from hge_spice.cli.gradient import gradient
from hge_spice.cli.interface import BAD_INPUT, DONE, INTERRUPTED, NO_NGSPICE, NOT_SOLVED
from hge_spice.cli.listing import list_
from hge_spice.cli.netlist import netlist
from hge_spice.cli.report import report
from hge_spice.cli.run import run
from hge_spice.cli.tones import tones

COMMANDS: dict[str, Callable[..., int]] = {  # in the order of --help; each returns its exit status
    "run": run,
    "gradient": gradient,
    "allan": allan,
    "netlist": netlist,
    "subckt": subckt,
    "plot": plot,
    "tones": tones,
    "demodulate": demodulate,
    "export": export,
    "report": report,
    "list": list_,
    "doctor": doctor,
    "bench": bench,
}


def main() -> NoReturn:
    """Entry point: every error becomes one message and the exit status of the interface."""
    # numpy's small matrices gain nothing from threads, and waiting threads cost the simulator a core
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _make_streams_safe()
    _stop_when_told_to()
    try:
        status = _app()(standalone_mode=False) or DONE
        if status == INTERRUPTED:  # what typer makes of Ctrl-C
            _stop("stopped; finished trials are kept", INTERRUPTED)
        sys.exit(status)
    except typer.Exit as leave:
        sys.exit(leave.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _stop("stopped; finished trials are kept", INTERRUPTED)
    except typer.TyperException as error:  # wrong arguments
        _stop(error.format_message() if isinstance(error, typer.BadParameter) else str(error), BAD_INPUT)
    except Exception as error:  # noqa: BLE001 - sorted into exit statuses below; what is left is ours and is raised
        _stop(*_explain(error))


def _make_streams_safe() -> None:
    """Let no word be an error that the terminal's encoding lacks, nor a stream that the caller has closed."""
    sys.stdout, sys.stderr = sys.stdout or io.StringIO(), sys.stderr or io.StringIO()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _stop_when_told_to() -> None:
    """Let SIGTERM, of a batch system, and SIGHUP, of a terminal that is closed, stop a run as Ctrl-C does."""
    terminals = [stream.fileno() for stream in (sys.stdout, sys.stderr) if stream.isatty()]

    def interrupt(number: int, _frame: object) -> NoReturn:
        if number == signal.SIGHUP:
            with io.FileIO(os.devnull, "w") as nowhere:
                for terminal in terminals:  # is gone, and writing to it would be an error
                    os.dup2(nowhere.fileno(), terminal)
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup has the latter ignored
            signal.signal(number, interrupt)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"hge-spice {version('hge-spice')}")
        raise typer.Exit


class _Group(typer.core.TyperGroup):
    """hge-spice itself, whose help shows switches without a value; typer shows <bool>."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Parameters, --help among them."""
        return _plain_switches(super().get_params(ctx))


class _Command(typer.core.TyperCommand):
    """The same of a command, which ends quietly where the reader of its output has left."""

    def invoke(self, ctx: Any) -> Any:
        """Call the command and write out all that it has printed."""
        status = DONE
        try:
            status = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            os._exit(status)  # an orderly exit would only try to flush to it again
        return status

    def get_params(self, ctx: Any) -> list[Any]:
        """Parameters, --help among them."""
        return _plain_switches(super().get_params(ctx))


def _plain_switches(parameters: list[Any]) -> list[Any]:
    for each in parameters:
        if getattr(each, "is_flag", False):
            each.metavar = ""
    return parameters


def _app() -> typer.Typer:
    app = typer.Typer(
        name="hge-spice",
        cls=_Group,
        help="Train networks in their own material: homodyne gradient extraction on circuits simulated by ngspice.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_before)
    for name, command in COMMANDS.items():
        app.command(name, cls=_Command)(command)
    return app


def _before(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and leave.")
    ] = False,
) -> None:
    """Options of hge-spice itself, which typer reads before the command's."""


def _explain(error: Exception) -> tuple[str, int]:
    import sqlite3

    from hge_spice.drive import SimulationError
    from hge_spice.ngspice.library import NgspiceNotFound

    if isinstance(error, NgspiceNotFound):
        return str(error), NO_NGSPICE
    if isinstance(error, SimulationError):
        return str(error), NOT_SOLVED
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror or error}{where}", BAD_INPUT
    if isinstance(error, (ValueError, sqlite3.Error)):
        return str(error), BAD_INPUT
    raise error


def _stop(message: str, status: int) -> NoReturn:
    if message:  # none where the help was the answer
        print(f"hge-spice: {message}", file=sys.stderr)
    sys.exit(status)

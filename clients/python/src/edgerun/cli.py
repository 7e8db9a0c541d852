"""The command ``edgerun``."""

from __future__ import annotations

import argparse
import os
import sys

from .api import Api
from .commands import export, load, ls, show, tail
from .errors import EdgerunError
from .spool import default_root
from .sync import Outcome, sync


def parser() -> argparse.ArgumentParser:
    """The command line: each subcommand sets ``run`` to the function that does it, which gives the exit code."""
    parsing = argparse.ArgumentParser(
        prog="edgerun",
        description="Edgerun, an experiment tracker. EDGERUN_URI is the address of the tracker, EDGERUN_KEY its key.",
    )
    commands = parsing.add_subparsers(dest="command", metavar="COMMAND", required=True)

    syncing = commands.add_parser(
        "sync",
        help="send what was logged offline, or could not be sent",
        description="Sends what lies in the spool, each point once, however often it is sent.",
    )
    syncing.add_argument(
        "folders",
        nargs="*",
        metavar="FOLDER",
        help="a spool, or the folder of one run in it (default: EDGERUN_SPOOL)",
    )
    syncing.add_argument("--uri", help="the address of the tracker (default: EDGERUN_URI)")
    syncing.add_argument(
        "--patience",
        type=float,
        default=60.0,
        help="seconds to wait for a tracker that is away (default: 60)",
    )
    syncing.set_defaults(run=run_sync)
    for command in (ls, show, tail, export, load):
        command.add(commands)
    return parsing


def run_sync(options: argparse.Namespace) -> int:
    """Sends spools; 1 when something is left."""

    def tell(outcome: Outcome) -> None:
        who = f"run {outcome.run}, rank {outcome.stream.rank}, attempt {outcome.stream.attempt}"
        if outcome.left_because is None:
            print(f"{who}: {outcome.points} points sent", flush=True)
            for fault in outcome.left_out:
                print(f"{who}: {fault}", file=sys.stderr, flush=True)
        else:
            print(
                f"{who}: left in {outcome.stream.folder}: {outcome.left_because}", file=sys.stderr, flush=True
            )

    api = Api(options.uri)
    outcomes: list[Outcome] = []
    for folder in options.folders:
        # Nothing is found in what is not there, which is no success.
        os.listdir(folder)
    for folder in options.folders or [default_root()]:
        outcomes += sync(folder, api, patience=options.patience, of_others=bool(options.folders), tell=tell)
    if not outcomes:
        print("Nothing is left to send")
    return int(any(outcome.left_because is not None or outcome.left_out for outcome in outcomes))


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; gives its exit code."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read what is printed has seen enough, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ValueError as error:
        print(f"edgerun: {error}", file=sys.stderr)
        return 2
    except (EdgerunError, OSError) as error:
        print(f"edgerun: {error}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())

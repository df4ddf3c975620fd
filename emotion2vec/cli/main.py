"""`emotion2vec <command>`: finds the command, and turns a user's mistake into one sentence.

A command is a module of `emotion2vec.cli` with `HELP` (one line), `add_arguments(parser)` and `run(arguments)`.
The scripts in `scripts/` call `main` with the command's name in front.
"""

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from emotion2vec import __version__
from emotion2vec.errors import Emotion2VecError

# command -> module; imported only when used, so that `--help` needs neither torch nor hydra
COMMANDS = {
    "prepare": "emotion2vec.cli.prepare",
    "check": "emotion2vec.cli.check",
    "shard": "emotion2vec.cli.shard",
    "extract": "emotion2vec.cli.extract",
    "probe": "emotion2vec.cli.probe",
    "umap": "emotion2vec.cli.umap",
    "report": "emotion2vec.cli.report",
    "compare": "emotion2vec.cli.compare",
    "reproduce": "emotion2vec.cli.reproduce",
    "export": "emotion2vec.cli.export",
    "synthesize": "emotion2vec.cli.synthesize",
}


def build_parser(command: str, prog: str | None = None) -> argparse.ArgumentParser:
    """Build the argument parser of one command."""
    module = importlib.import_module(COMMANDS[command])
    parser = argparse.ArgumentParser(
        prog=prog or f"emotion2vec {command}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    module.add_arguments(parser)
    parser.set_defaults(run=module.run)
    return parser


def run_command(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Parse the arguments and run the command.

    Returns:
        Exit status: 0 success, 1 a user's mistake (`error: ...` on stderr), 130 interrupted.
        Wrong usage exits with 2 inside argparse.
    """
    parsed = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if parsed.debug else logging.INFO,
        format="%(levelname)s: %(message)s",
        stream=sys.stderr,
    )
    try:
        return int(parsed.run(parsed) or 0)
    except (Emotion2VecError, OSError) as error:
        if parsed.debug:
            raise
        print(f"error: {_as_sentence(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130


def _as_sentence(error: Exception) -> str:
    """Put an error's message on one line; for the system's errors `FILE: reason` without the number."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        text = str(error)
    return " ".join(text.split())


def _list_commands() -> str:
    rows = [
        f"  {name:<11}{importlib.import_module(module).HELP}" for name, module in COMMANDS.items()
    ]
    return "\n".join(
        [
            "usage: emotion2vec COMMAND [ARGUMENTS]   (emotion2vec COMMAND --help explains one)",
            *rows,
        ]
    )


def main(arguments: Sequence[str] | None = None, *, prog: str | None = None) -> int:
    """Run `emotion2vec COMMAND ...`; returns the exit status.

    Args:
        arguments: The command line without the program's name; by default that of this process.
        prog: Name shown in the usage line, e.g. the script that was called.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help"):
        print(_list_commands())
        return 0 if given else 2
    command, *rest = given
    if command == "--version":
        print(f"emotion2vec {__version__}")
        return 0
    if command not in COMMANDS:
        print(
            f"error: unknown command {command!r}; expected one of {sorted(COMMANDS)}",
            file=sys.stderr,
        )
        return 2
    return run_command(build_parser(command, prog), rest)


def console_main() -> None:
    """Entry of the installed `emotion2vec` program."""
    sys.exit(main())


def script_main(command: str) -> None:
    """Entry of the files in `scripts/`: run one command and exit."""
    sys.exit(main([command, *sys.argv[1:]], prog=Path(sys.argv[0]).name))

"""Reproduce the paper's tables and figures on the features that are there, beside the paper's numbers.

  reproduce.py --table 4 --features emotion2vec=DIR DIR --out OUT [OVERRIDES]
  reproduce.py --all --features DIR --text-features DIR --manifest FILE.tsv --out OUT

DIR is a feature store or a folder with stores in it; each tells its corpus, layers and kind. ROW=DIR names the row of
the table that it belongs to; without, the name of the checkpoint or baseline does. A cell without its features is
skipped by name. The same command goes on where it stopped. OVERRIDES are Hydra's, for every protocol
(seeds=[1,2,3] epochs=20) or for one (superb_er.steps=2000); hydra.launcher.NAME=VALUE goes to the launcher.
"""

import argparse
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import emotion2vec

if TYPE_CHECKING:
    from emotion2vec.reproduction.cells import Plan
    from emotion2vec.reproduction.execute import Outcome

HELP = "the paper's tables and figures on your features, beside its numbers"
_CONFIG_DIR = Path(emotion2vec.__file__).parents[1] / "config" / "probe"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `emotion2vec reproduce`."""
    several: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    parser.add_argument("--table", metavar="N", help="2 to 11, superb, speaker", **several)
    parser.add_argument("--figure", metavar="N", help="3, 4", **several)
    parser.add_argument("--all", action="store_true", help="every table and figure")
    parser.add_argument("--features", metavar="[ROW=]DIR", help="features of speech", **several)
    parser.add_argument(
        "--text-features", metavar="[ROW=]DIR", help="features of text, for Table 6", **several
    )
    parser.add_argument("--manifest", type=Path, metavar="FILE.tsv",
                        help="of corpora with dialogues, for Table 6", **several)  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="OUT", help="folder of results and tables")
    parser.add_argument("--config-dir", type=Path, default=_CONFIG_DIR, metavar="DIR",
                        help="folder of the protocols (default: config/probe of the project)")  # fmt: skip
    parser.add_argument("--partial", action="store_true",
                        help="evaluate incomplete corpora too, with folds by rule, marked PARTIAL")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="show the cells and what each needs")
    parser.add_argument("--collect", action="store_true",
                        help="train nothing: write the tables of what is finished")  # fmt: skip
    parser.add_argument("--no-report", action="store_true",
                        help="leave out report.html, which takes a few seconds a cell")  # fmt: skip
    parser.add_argument("--launcher", metavar="NAME", help="Hydra's launcher for the cells: basic, submitit_local, "
                        "submitit_slurm (pip install 'emotion2vec[slurm]')")  # fmt: skip
    parser.add_argument("overrides", nargs="*", metavar="NAME=VALUE", help="Hydra overrides")


def run(arguments: argparse.Namespace) -> int:
    """Run the cells and write tables, figures and report; returns 1 when a cell failed.

    Raises:
        Emotion2VecError: Nothing to do, or a wrong name, folder or override.
    """
    from emotion2vec.errors import ConfigError
    from emotion2vec.reproduction.execute import run_cells
    from emotion2vec.reproduction.launch import launch
    from emotion2vec.reproduction.outputs import write_outputs

    plan, launcher_overrides = _plan(arguments)
    if arguments.list:
        _print_list(plan, arguments)
        return 0
    problem = None
    if arguments.launcher:
        again = "the same command with --collect instead of --launcher writes the tables of what is finished"
        print(f"launching; if this is interrupted, {again}", flush=True)
        try:
            launch(plan, arguments.out, config_dir=arguments.config_dir, launcher=arguments.launcher,
                   overrides=launcher_overrides)  # fmt: skip
        except ConfigError as error:
            # a job may have died: what the others have finished is shown all the same
            problem = error
    outcomes = run_cells(
        plan, arguments.out, config_dir=arguments.config_dir, on_outcome=_print_outcome,
        collect=arguments.collect or bool(arguments.launcher),
    )  # fmt: skip
    if problem is not None and not any(outcome.result for outcome in outcomes):
        raise problem
    written = write_outputs(plan, outcomes, arguments.out, with_report=not arguments.no_report)
    for path in written:
        print(f"written: {path}")
    status = _print_counts(outcomes)
    if problem is not None:
        raise problem
    return status


def _plan(arguments: argparse.Namespace) -> tuple["Plan", list[str]]:
    """Open the features and list the cells; returns the launcher's overrides too."""
    from emotion2vec.errors import ConfigError
    from emotion2vec.report.paper import paper_tables
    from emotion2vec.reproduction.cells import FIGURES, Request, make_plan
    from emotion2vec.reproduction.library import open_library

    _take_overrides(arguments)
    tables = list(paper_tables()) if arguments.all else arguments.table
    figures = list(FIGURES) if arguments.all else arguments.figure
    if not tables and not figures:
        raise ConfigError("nothing to reproduce; give --table N, --figure N or --all")
    if arguments.out is None and not arguments.list:
        raise ConfigError("no place for the results; give --out OUT")
    of_launcher = [
        text for text in arguments.overrides if text.lstrip("+").startswith("hydra.launcher.")
    ]
    if of_launcher and not arguments.launcher:
        raise ConfigError(f"{of_launcher[0]!r} is a launcher's setting; give --launcher NAME too")
    overrides = [text for text in arguments.overrides if text not in of_launcher]
    library = open_library(arguments.features, arguments.text_features, arguments.manifest)
    request = Request(
        tuple(dict.fromkeys(tables)), tuple(dict.fromkeys(figures)), arguments.config_dir,
        tuple(overrides), arguments.partial,
    )  # fmt: skip
    plan = make_plan(request, library)
    if not arguments.list and not any(cell.config for cell in plan.cells.values()):
        raise ConfigError(
            f"none of the {len(plan.cells)} cells can run, e.g. {next(iter(plan.cells.values())).name}: "
            f"{next(iter(plan.cells.values())).reason}; --list shows what each needs"
        )
    return plan, of_launcher


def _take_overrides(arguments: argparse.Namespace) -> None:
    """Give the overrides back that argparse took for values of the option before them."""
    from emotion2vec.probe.conversation_config import ConversationConfig

    settings = {setting.name for setting in fields(ConversationConfig)}
    for option in ("table", "figure", "features", "text_features", "manifest"):
        kept = []
        for value in getattr(arguments, option):
            name, sign, given = str(value).partition("=")
            is_setting = name.lstrip("+~").split(".")[-1] in settings or name.startswith("hydra")
            is_place = Path(value).exists() or Path(given).is_dir()
            if sign and is_setting and not is_place:
                arguments.overrides.append(str(value))
            else:
                kept.append(value)
        setattr(arguments, option, kept)


def _print_list(plan: "Plan", arguments: argparse.Namespace) -> None:
    from emotion2vec.reproduction.execute import look_up

    for name, cell in plan.cells.items():
        state = look_up(cell, arguments.out or Path(), arguments.config_dir).state
        state = {"open": "ready", "kept": "finished"}.get(state, state)
        places = ", ".join(str(entry.folder) for entry in cell.entries)
        badges = "".join(f" {badge}" for badge in cell.badges)
        print(f"{state:<9}{name} ({plan.used_by(name)}): {cell.reason or places}{badges}")


def _print_outcome(outcome: "Outcome") -> None:
    from emotion2vec.report.protocols import shown_metrics
    from emotion2vec.report.records import read_result

    text = outcome.reason
    if outcome.result is not None:
        result = read_result(outcome.result)
        scores = " ".join(
            f"{name} {result.summary[name].mean:.2f}+-{result.summary[name].std:.2f}"
            for name in shown_metrics(result.protocol)
        )
        text = f"{scores} folds={result.num_folds} seeds={result.num_seeds}"
    shown = () if outcome.state == "failed" else outcome.cell.badges
    badges = "".join(f" {badge}" for badge in shown)
    print(f"{outcome.state:<8}{outcome.cell.name}: {text or 'not run yet'}{badges}", flush=True)


def _print_counts(outcomes: Sequence["Outcome"]) -> int:
    from emotion2vec.reproduction.execute import STATES

    count = {state: sum(outcome.state == state for outcome in outcomes) for state in STATES}
    print(" ".join(f"{state}={number}" for state, number in count.items()))
    return 1 if count["failed"] else 0

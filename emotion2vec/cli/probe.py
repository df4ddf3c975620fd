"""Train the authors' small head on frozen features under cross-validation, and report WA, UA and weighted F1.

  train_probe.py --config-dir config/probe --config-name urdu_10fold features=DIR [OVERRIDES]
  train_probe.py --config-name iemocap_epc manifest=FILE.tsv features=DIR text_features=DIR [OVERRIDES]

OVERRIDES are Hydra's: seeds=[1,2,3], epochs=50, layer=last4, layer=each, starred=true, hydra.run.dir=DIR, ...
Prints a line for each fold and the summary; writes result.json, confusion.csv, embeddings.npz, predictions.tsv,
folds.json and config.yaml to the run's folder. An interrupted run goes on where it stopped when the same command
names the same folder with hydra.run.dir=DIR. compare_results.py compares two results.
"""

import argparse
from collections.abc import Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import emotion2vec

if TYPE_CHECKING:
    from emotion2vec.probe.config import ProbeConfig
    from emotion2vec.probe.run_result import RunResult

HELP = "feature store + protocol -> WA, UA, weighted F1 under cross-validation"
_CONFIG_DIR = Path(emotion2vec.__file__).parents[1] / "config" / "probe"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("--config-dir", type=Path, default=_CONFIG_DIR, metavar="DIR",
                        help="folder of the protocols (default: config/probe of the project)")  # fmt: skip
    parser.add_argument(
        "--config-name", required=True, metavar="PROTOCOL", help="a YAML file there, without .yaml"
    )
    parser.add_argument("--write-folds", type=Path, metavar="FILE.tsv",
                        help="make the protocol's fold file from this manifest instead of training")  # fmt: skip
    parser.add_argument("overrides", nargs="*", metavar="NAME=VALUE", help="settings, see below")
    parser.epilog = _settings_help()


def run(arguments: argparse.Namespace) -> int:
    """Evaluate; returns the exit status.

    Raises:
        Emotion2VecError: The config, the features or the protocol do not fit together.
    """
    from emotion2vec.probe.conversation_config import ConversationConfig
    from emotion2vec.probe.conversation_run import evaluate_conversation, table_line
    from emotion2vec.probe.results import fold_line
    from emotion2vec.probe.run import compose_config, evaluate, write_folds

    config, run_dir = compose_config(
        arguments.config_dir, arguments.config_name, arguments.overrides
    )
    if arguments.write_folds is not None:
        path, folds = write_folds(config, arguments.write_folds, config_dir=arguments.config_dir)
        print(f"{path}: {len(folds.folds)} folds")
        return 0

    def on_fold(number: int, total: int, runs: "Sequence[RunResult]") -> None:
        """Print a fold's line."""
        print(fold_line(number, total, runs), flush=True)

    where = {"config_dir": arguments.config_dir, "on_fold": on_fold}
    if isinstance(config, ConversationConfig):
        evaluation = evaluate_conversation(config, run_dir, **where)
        print(table_line(evaluation))
    elif config.layer == "each":
        return _run_layers(config, run_dir, **where)
    else:
        evaluation = evaluate(config, run_dir, **where)
    print(f"result: {run_dir / 'result.json'}")
    print(evaluation.last_line())
    return 0


def _run_layers(config: "ProbeConfig", run_dir: Path, **where: Any) -> int:
    """Evaluate every layer; the last line is that of the layer that is best on the validation parts."""
    from emotion2vec.probe.layers import LAYERS_NAME, evaluate_layers

    def on_layer(position: int, total: int) -> None:
        """Print which layer is next."""
        print(f"layer {position} (0 to {total - 1})", flush=True)

    curve = evaluate_layers(config, run_dir, on_layer=on_layer, **where)
    for position in range(len(curve.layers)):
        print(curve.line(position))
    print(f"result: {run_dir / LAYERS_NAME}")
    print(f"best layer by validation WA: {curve.best}")
    print(curve.last_line)
    return 0


def _settings_help() -> str:
    """List every setting with its default."""
    from emotion2vec.probe.config import ProbeConfig
    from emotion2vec.probe.conversation_config import ConversationConfig

    probe, conversation = ProbeConfig(), ConversationConfig()
    of_conversations = [
        f
        for f in fields(conversation)
        if getattr(probe, f.name, None) != getattr(conversation, f.name)
    ]
    return "\n".join(
        [
            "settings (defaults of the program; a protocol's YAML changes some):",
            *(_setting_help(f, probe) for f in fields(probe)),
            "settings of iemocap_epc, besides or instead:",
            *(_setting_help(f, conversation) for f in of_conversations),
        ]
    )


def _setting_help(setting: Field[Any], defaults: "ProbeConfig") -> str:
    value = getattr(defaults, setting.name)
    return f"  {setting.name}={value}\n      {setting.metadata['help']}"

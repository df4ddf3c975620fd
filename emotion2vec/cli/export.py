"""Write a checkpoint in the form that another program reads.

  hub       a folder for the hub: model.safetensors, config.json, model card; `Emotion2Vec.from_pretrained(DIR)`
  funasr    a folder for `funasr.AutoModel(model=DIR)`
  official  a fairseq checkpoint in the authors' form (data2vec_multi, task emotion2vec_pretraining)
  onnx      one ONNX file, checked in onnxruntime
  s3prl     a folder with an upstream for s3prl

Features of every form are those of the checkpoint. The last line says what was written, its size and its SHA-256.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emotion2vec.export.card import CardFacts
    from emotion2vec.model.checkpoint import LoadedCheckpoint

HELP = "checkpoint -> hub folder, FunASR, fairseq, ONNX or s3prl"

FORMATS = ("hub", "funasr", "official", "onnx", "s3prl")
# option -> formats that it is for
_OPTIONS = {
    "licence": ("hub", "onnx"),
    "name": ("hub",),
    "manifest": ("hub",),
    "results": ("hub",),
    "weights": ("hub", "funasr", "official"),
    "purpose": ("official",),
    "opset": ("onnx",),
    "layers": ("onnx",),
    "padding": ("onnx",),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("--checkpoint", type=_path, required=True, metavar="CKPT",
                        help="checkpoint file or folder, of any form that can be read")  # fmt: skip
    parser.add_argument("--format", choices=FORMATS, required=True, help="see above")
    parser.add_argument(
        "--out", type=_path, required=True, metavar="PATH", help="file or folder to write"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace what lies at PATH; files of other names stay"
    )
    card = parser.add_argument_group("model card (hub)")
    card.add_argument("--licence", metavar="ID",
                      help="of the weights, as the hub calls it: mit, cc-by-nc-4.0, ... You choose; terms of the data "
                      "may limit it. Without it the card says that none is chosen (hub, onnx)")  # fmt: skip
    card.add_argument(
        "--name", metavar="NAME", help="title of the card (default: the name of the folder)"
    )
    card.add_argument("--manifest", type=_path, metavar="DIR",
                      help="manifest folder of the training data: its corpus.json is told")  # fmt: skip
    card.add_argument("--results", nargs="+", metavar="FILE",
                      help="result.json of train_probe.py, made with features of this checkpoint")  # fmt: skip
    other = parser.add_argument_group("other options")
    other.add_argument("--weights", choices=("all", "student"),
                       help="all that the checkpoint holds (default), or what features need: a quarter to a half of "
                       "it (hub, funasr, official)")  # fmt: skip
    other.add_argument("--purpose", choices=("extraction", "training"),
                       help="the authors' extraction script loads the file (default), or fairseq's data2vec 2.0 goes "
                       "on training from it (official)")  # fmt: skip
    _add_onnx_arguments(other)


def _path(text: str) -> Path:
    """Read a path; the shell leaves the `~` of `--out=~/model` as it is."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path's refuses `~nobody`


def _add_onnx_arguments(group: Any) -> None:
    group.add_argument("--opset", type=int, metavar="N", help="version of ONNX's operators (onnx)")
    group.add_argument("--layers", choices=("last", "all"), help="outputs, default last (onnx)")
    group.add_argument("--padding", choices=("mask", "lengths", "none"),
                       help="how a batch tells its padding, default mask (onnx)")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Export; returns the exit status.

    Raises:
        Emotion2VecError: The checkpoint cannot be read, or cannot be written so or there.
    """
    from emotion2vec.export.place import check_free, describe
    from emotion2vec.model.checkpoint import read_checkpoint

    options = _options(arguments)
    check_free(arguments.out, overwrite=arguments.force)
    checkpoint = read_checkpoint(arguments.checkpoint)
    _write(arguments, options, checkpoint)
    if arguments.format == "hub" and not arguments.licence:
        print("note: the model card says that no licence is chosen; choose one with --licence")
    print(f"{arguments.format}: {describe(arguments.out)}")
    return 0


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that were given.

    Raises:
        ConfigError: One is not for this format.
    """
    from emotion2vec.errors import ConfigError

    given = {name: getattr(arguments, name) for name in _OPTIONS}
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if arguments.format not in _OPTIONS[name]:
            raise ConfigError(
                f"--{name} is for --format {' or '.join(_OPTIONS[name])}, not for {arguments.format}"
            )
    return given


def _write(
    arguments: argparse.Namespace, options: dict[str, Any], checkpoint: "LoadedCheckpoint"
) -> None:
    """Write the format; its module, and what that needs, are imported now and not before."""
    if arguments.format == "onnx":
        from emotion2vec.export.onnx import export_onnx

        file = export_onnx(checkpoint, arguments.out, overwrite=arguments.force, **options)
        print(f"largest difference between onnxruntime and PyTorch: {file.max_difference:.1e}")
        return
    from emotion2vec.export.provenance import read_provenance

    settings: dict[str, Any] = {
        name: options[name] for name in ("weights", "purpose") if name in options
    }
    if arguments.format == "hub":
        settings["facts"] = _card_facts(arguments)
    _exporters()[arguments.format](
        checkpoint,
        arguments.out,
        provenance=read_provenance(arguments.checkpoint, checkpoint),
        overwrite=arguments.force,
        **settings,
    )


def _exporters() -> dict[str, Callable[..., None]]:
    from emotion2vec.export.funasr import export_funasr
    from emotion2vec.export.hub import export_hub
    from emotion2vec.export.official import export_official
    from emotion2vec.export.s3prl import export_s3prl

    return {
        "hub": export_hub,
        "funasr": export_funasr,
        "official": export_official,
        "s3prl": export_s3prl,
    }


def _card_facts(arguments: argparse.Namespace) -> "CardFacts":
    """Collect what the model card tells.

    Raises:
        ManifestError: The manifest folder has no corpus.json.
        ReportError: A result cannot be read.
    """
    from emotion2vec.data.manifest import read_card
    from emotion2vec.errors import ManifestError
    from emotion2vec.export.card import CardFacts, ResultRow
    from emotion2vec.report.records import read_results

    corpus = read_card(arguments.manifest) if arguments.manifest is not None else {}
    if arguments.manifest is not None and not corpus:
        raise ManifestError(
            f"{arguments.manifest}: has no corpus.json; expected a folder that prepare_corpus.py wrote"
        )
    results = read_results(arguments.results or [])
    return CardFacts(
        name=arguments.name or arguments.out.resolve().name,
        licence=arguments.licence,
        corpus=corpus,
        results=tuple(ResultRow.from_json(result.raw) for result in results),
    )

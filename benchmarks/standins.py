r"""Write synthetic stand-ins of every corpus that the paper's tables evaluate, so that all of them can be tried out.

  python benchmarks/standins.py --out DIR [--models NAME...] [--corpora NAME...] [--scale SHARE]

DIR then holds features/<model>/<corpus>[_all|_last4|_tokens], text/bert/iemocap and manifests/iemocap. All of it is
drawn at random around a centre of each label and is marked synthetic; the number of utterances, and the ids where a
stored fold file names them, are the corpora's. What such features score says nothing about the model they are named
after. The stores are those that the tables need (rows without features of their own left out):

  emotion2vec reproduce --all --features DIR/features --text-features DIR/text \
      --manifest DIR/manifests/iemocap/all.tsv --out OUT
"""

import argparse
import functools
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.standin_corpora import (  # noqa: E402
    CONFIG_DIR,
    corpus_names,
    standin_utterances,
)
from emotion2vec.corpora.registry import get_corpus  # noqa: E402
from emotion2vec.data.manifest import Manifest, write_manifest_folder  # noqa: E402
from emotion2vec.data.utterance import Utterance  # noqa: E402
from emotion2vec.features.store import CheckpointIdentity, StoreSettings  # noqa: E402
from emotion2vec.features.store_writer import Computed, FeatureStoreWriter  # noqa: E402
from emotion2vec.probe.run import compose_config  # noqa: E402
from emotion2vec.report.paper import paper_tables  # noqa: E402
from emotion2vec.seeding import derive_rng  # noqa: E402

TEXT_MODEL = "bert"
# models whose layers are all written, for the weighted sum and the curve over layers
_ALL_LAYERS_OF = ("emotion2vec", "data2vec2", "data2vec", "wavlm_base", "wavlm_base_plus")
_NUM_LAYERS = 13
_MAX_ROWS = 4  # of an utterance
_BATCH = 256  # utterances written at a time

# distance between the labels' centres in units of the noise; other models get one from their name
_SEPARATION = {
    "emotion2vec": 0.44,
    "data2vec2": 0.40,
    "data2vec": 0.35,
    "wavlm_base_plus": 0.30,
    "wavlm_base": 0.27,
    "utterance_only": 0.05,
    "cold_start": 0.30,
    TEXT_MODEL: 0.40,
}
_HARDER = {"meld": 0.6, "m3ed": 0.6, "cmu_mosi": 0.5, "cmu_mosei": 0.5, "savee": 1.2}


@dataclass(frozen=True, order=True)
class Need:
    """A feature store that a cell of a table reads.

    Attributes:
        model: Name of the features, a row of the paper's tables.
        corpus: The corpus.
        kind: `last`, `last4` or `all` (layers of frames), or `tokens` (one vector an utterance).
    """

    model: str
    corpus: str
    kind: str

    @property
    def folder(self) -> Path:
        """Where it goes, below the folder of all stores."""
        return Path(self.model) / (
            self.corpus if self.kind == "last" else f"{self.corpus}_{self.kind}"
        )


@functools.cache
def needs() -> tuple[Need, ...]:
    """Return every speech store that the paper's tables, SUPERB's recipe and the figures need."""
    found = {Need(model, "iemocap", "all") for model in _ALL_LAYERS_OF}
    for table in paper_tables().values():
        for column in table.columns:
            config, _ = compose_config(CONFIG_DIR, column.protocol, [])
            layer = "last4" if config.layer == "last4" else "last"
            for row in table.rows:
                if row.reported_only or row.inputs == "text" or not config.corpus:
                    continue
                kinds = {"utterance": ("tokens",), "both": (layer, "tokens")}
                for kind in kinds.get(row.inputs, (layer,)):
                    found.add(Need(row.key, config.corpus, kind))
    return tuple(sorted(found))


def write_store(folder: Path, utterances: Sequence[Utterance], need: Need, *, dim: int) -> None:
    """Write one feature store, over whatever it holds.

    Args:
        folder: Where it goes.
        utterances: Its utterances, with labels.
        need: Model, corpus and kind.
        dim: Width of a frame.
    """
    granularity = "utterance" if need.kind == "tokens" else "frame"
    settings = StoreSettings(
        name=need.model,
        checkpoint=CheckpointIdentity(None, None, "synthetic"),
        layers="last" if need.kind == "tokens" else need.kind,
        granularity=granularity,
        utterance_from="tokens" if need.kind == "tokens" else "frames",
        dtype="float32",
        frame_rate_hz=50.0,
    )
    # the description depends on the manifest's root: the same on every machine
    manifest = Manifest("all", Path("/"), tuple(utterances))
    card = {"name": need.corpus, "synthetic": True}
    writer = FeatureStoreWriter(
        folder, manifest=manifest, settings=settings, card=card, overwrite=True
    )
    for start in range(0, len(utterances), _BATCH):
        part = utterances[start : start + _BATCH]
        drawn = draw_features(part, need, dim=dim, part=start // _BATCH)
        writer.append([Computed(start + index, [rows]) for index, rows in enumerate(drawn)])
    writer.finish()


def draw_features(
    utterances: Sequence[Utterance], need: Need, *, dim: int, part: int
) -> list[np.ndarray]:
    """Draw the rows of each utterance around its label's centre, (T, dim) or (T, L, dim), 1 to 4 rows T.

    Speaker, utterance and frame each add noise of their own, so that speakers who are known from training help.
    """
    num_layers = _NUM_LAYERS if need.kind == "all" else 1
    shape = (num_layers, dim)
    place = (need.model, need.corpus, need.kind)
    centres = _vectors("label", place, {row.label or "" for row in utterances}, shape)
    speakers = _vectors("speaker", place, {row.speaker or "" for row in utterances}, shape)
    strength_L = _separation(need) * _layer_strength(num_layers)
    rng = derive_rng("stand-in", *place, part)
    lengths = rng.integers(1, _MAX_ROWS + 1, len(utterances))
    if need.kind == "tokens":
        lengths[:] = 1
    means = np.stack(
        [
            strength_L[:, None] * centres[row.label or ""] + 0.4 * speakers[row.speaker or ""]
            for row in utterances
        ]
    )
    means = means + rng.standard_normal((len(utterances), *shape))
    frames = np.repeat(means, lengths, axis=0)
    frames += rng.standard_normal(frames.shape)
    frames = frames.astype(np.float32) if num_layers > 1 else frames[:, 0].astype(np.float32)
    return np.split(frames, np.cumsum(lengths)[:-1])


def _vectors(
    what: str, place: tuple[str, ...], names: set[str], shape: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Draw one vector a name; the same wherever it is asked for."""
    return {
        name: derive_rng("stand-in", what, *place, name).standard_normal(shape) for name in names
    }


def _separation(need: Need) -> float:
    by_name = 0.25 + 0.15 * float(derive_rng("separation", need.model).random())
    weaker = 0.85 if need.kind == "tokens" else 1.0  # as one vector says less than all frames
    return _SEPARATION.get(need.model, by_name) * _HARDER.get(need.corpus, 1.0) * weaker


def _layer_strength(num_layers: int) -> np.ndarray:
    """Return how much each layer says: most at two thirds of the depth, (L,)."""
    if num_layers == 1:
        return np.ones(1)
    best = 2 * (num_layers - 1) / 3
    return 1.15 - np.abs(np.arange(num_layers) - best) / num_layers


def write_manifest(folder: Path, utterances: Sequence[Utterance], corpus: str) -> None:
    """Write IEMOCAP's manifest with dialogues and turns; there is no audio."""
    card = {**get_corpus(corpus).card.to_json(), "synthetic": True}
    folder.mkdir(parents=True, exist_ok=True)
    write_manifest_folder(folder, root=folder, utterances=utterances, card=card)


def write_all(
    out: Path, *, models: Sequence[str], corpora: Sequence[str], scale: float, dim: int
) -> list[Path]:
    """Write every stand-in that is asked for; empty lists take all.

    Returns:
        Folders written.
    """
    wanted = [
        need
        for need in needs()
        if (not models or need.model in models) and (not corpora or need.corpus in corpora)
    ]
    utterances = {
        corpus: standin_utterances(corpus, scale=scale)
        for corpus in sorted({need.corpus for need in wanted})
    }
    folders = []
    for number, need in enumerate(wanted, 1):
        folder = out / "features" / need.folder
        write_store(folder, utterances[need.corpus], need, dim=dim)
        print(f"{number}/{len(wanted)} {folder}: {len(utterances[need.corpus])} utterances")
        folders.append(folder)
    if "iemocap" in utterances:
        rows = utterances["iemocap"]
        text = Need(TEXT_MODEL, "iemocap", "tokens")
        folders += [out / "text" / TEXT_MODEL / "iemocap", out / "manifests" / "iemocap"]
        write_store(folders[-2], rows, text, dim=dim)
        write_manifest(folders[-1], rows, "iemocap")
    return folders


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and write; returns the exit status."""
    known = sorted({need.model for need in needs()})
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where they go")
    parser.add_argument("--models", nargs="+", default=[], choices=known, metavar="NAME",
                        help=f"default: all of {', '.join(known)}")  # fmt: skip
    parser.add_argument("--corpora", nargs="+", default=[], choices=corpus_names(), metavar="NAME",
                        help=f"default: all of {', '.join(corpus_names())}")  # fmt: skip
    parser.add_argument("--scale", type=float, default=1.0, metavar="SHARE",
                        help="share of each corpus; below 1 the probe needs fold_file=null (default: 1)")  # fmt: skip
    parser.add_argument("--dim", type=int, default=32, help="width of a frame (default: 32)")
    options = parser.parse_args(arguments)
    if not 0 < options.scale <= 1 or options.dim < 1:
        parser.error(
            f"--scale must be in (0, 1] and --dim at least 1, but are {options.scale} and {options.dim}"
        )
    started = time.monotonic()
    folders = write_all(
        options.out,
        models=options.models,
        corpora=options.corpora,
        scale=options.scale,
        dim=options.dim,
    )
    size = sum(path.stat().st_size for folder in folders for path in folder.iterdir())
    print(
        f"stand-ins: {options.out} ({len(folders)} folders, {size / 1e6:.0f} MB, {time.monotonic() - started:.0f} s)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

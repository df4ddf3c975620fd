"""Ours and the authors' and SUPERB's loops, written independently, agree on one and the same feature store.

Tolerance: seeds differ in weights, batches and in which fifth validates, on both sides. The difference of the means
over 5 seeds has the standard error `sqrt(s_ours^2 / 5 + s_theirs^2 / 5)`; it must lie within three of them (with about
8 degrees of freedom an honest pair of programs is outside in 1.7 % of stores). Fewer epochs, or a head without the
ReLU, must lie outside, else this would show nothing.
"""

import logging
import math
import statistics
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from emotion2vec.data.manifest import Manifest
from emotion2vec.data.utterance import Utterance
from emotion2vec.features.store import CheckpointIdentity, StoreSettings
from emotion2vec.features.store_writer import Computed, FeatureStoreWriter
from emotion2vec.probe.fold_file import read_fold_file
from emotion2vec.probe.run import compose_config, evaluate
from tests.architecture.sources import ROOT
from tests.oracles import authors_probe, superb_probe
from tests.probe.fakes import LABELS

logger = logging.getLogger(__name__)

CONFIG_DIR = ROOT / "config" / "probe"
SEEDS = (1, 2, 3, 4, 5)
DIM, NUM_LAYERS = 24, 4
SIGNED = 0.42
SUPERB_STEPS = 30
LIMIT = 3.0  # standard errors


@dataclass(frozen=True)
class Means:
    """One figure of each seed, in percent."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def squared_error(self) -> float:
        """Variance of the mean over seeds."""
        return statistics.variance(self.values) / len(self.values)


def distance(ours: Means, theirs: Means) -> float:
    """Return the difference of the means in standard errors of it."""
    return (ours.mean - theirs.mean) / math.sqrt(ours.squared_error + theirs.squared_error)


def report(what: str, found: Means, theirs: Means) -> None:
    """Log both means; pytest shows them with --log-cli-level=INFO."""
    deviations = [statistics.stdev(means.values) for means in (found, theirs)]
    logger.info("%s over %d seeds: ours %.2f+-%.2f, oracle %.2f+-%.2f, %.1f standard errors apart",
                what, len(SEEDS), found.mean, deviations[0], theirs.mean, deviations[1],
                distance(found, theirs))  # fmt: skip


def write_store(folder: Path, *, num_layers: int = 1) -> Path:
    """Write 300 utterances with IEMOCAP's ids and sessions, 1 to 5 frames each, that are not easy to tell apart.

    With one layer half of what tells a label has a random sign in each frame, so that a mean over time without the ReLU
    before it loses it. Of several layers the second says most.
    """
    folds = read_fold_file(CONFIG_DIR / "folds" / "iemocap_5fold.json").folds
    ids = [name for fold in folds for name in fold.test[:: len(fold.test) // 60][:60]]
    rng = np.random.default_rng(5)
    labels = rng.choice(len(LABELS), len(ids), p=[0.2, 0.3, 0.3, 0.2])
    utterances = [
        Utterance(i, f"{i}.wav", 16000, LABELS[label], i[3:6], f"Session{i[4]}")
        for i, label in zip(ids, labels, strict=True)
    ]
    layers = "last" if num_layers == 1 else "all"
    settings = StoreSettings("toy", CheckpointIdentity(None, None, "synthetic"), layers, "frame", "frames", "float32",
                             50.0)  # fmt: skip
    writer = FeatureStoreWriter(
        folder,
        manifest=Manifest("all", Path(), tuple(utterances)),
        settings=settings,
        card={"name": "iemocap", "synthetic": True},
    )
    strength_L1 = np.array([[0.1], [0.4], [0.2], [0.1]]) if num_layers > 1 else np.array([[0.1]])
    steady_KLD, signed_KLD = rng.standard_normal((2, len(LABELS), num_layers, DIM))
    for index, label in enumerate(labels):
        count = rng.integers(1, 6)
        mean_LD = strength_L1 * steady_KLD[label] + 0.5 * rng.standard_normal((num_layers, DIM))
        frames_TLD = mean_LD + rng.standard_normal((count, num_layers, DIM))
        if num_layers == 1:
            sign_T11 = rng.choice([-1.0, 1.0], (count, 1, 1))
            frames_TLD += SIGNED * sign_T11 * signed_KLD[label]
        rows = frames_TLD if num_layers > 1 else frames_TLD[:, 0]
        writer.append([Computed(index, [rows.astype(np.float32)])])
    writer.finish()
    return folder


def ours(protocol: str, store: Path, run_dir: Path, *overrides: str) -> dict[str, Means]:
    """Evaluate once a seed, so that the validation part is drawn anew too."""
    found: dict[str, list[float]] = {"WA": [], "UA": [], "WF1": []}
    for seed in SEEDS:
        own = [f"features={store}", "fold_file=null", f"fold_seed={seed}", f"seeds=[{seed}]"]
        config, _ = compose_config(CONFIG_DIR, protocol, [*own, "device=cpu", *overrides])
        evaluation = evaluate(
            config, run_dir / str(seed), config_dir=CONFIG_DIR, on_fold=lambda *_: None
        )
        for metric, values in found.items():
            values.append(evaluation.summary(metric).mean)
    return {metric: Means(tuple(values)) for metric, values in found.items()}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store of one layer."""
    return write_store(tmp_path_factory.mktemp("authors") / "iemocap")


@pytest.fixture(scope="module")
def authors(store: Path) -> dict[str, Means]:
    """Return what the authors' loop finds on it."""
    utterances, names = authors_probe.read_store(store, "all")
    figures = [
        authors_probe.cross_validate(utterances, num_labels=len(names), seed=seed) for seed in SEEDS
    ]
    return {
        "WA": Means(tuple(figure.wa for figure in figures)),
        "UA": Means(tuple(figure.ua for figure in figures)),
        "WF1": Means(tuple(figure.wf1 for figure in figures)),
    }


@pytest.mark.slow
def test_our_probe_and_the_authors_loop_agree_within_seed_noise(
    store: Path, authors: dict[str, Means], tmp_path: Path
) -> None:
    assert 55 < authors["WA"].mean < 75
    found = ours("iemocap_5fold", store, tmp_path)
    for metric, theirs in authors.items():
        report(f"iemocap_5fold {metric}", found[metric], theirs)
        assert abs(distance(found[metric], theirs)) < LIMIT, (found[metric], theirs)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [["epochs=5"], ["head=superb", "epochs=30"]], ids=" ".join)
def test_a_recipe_that_is_not_the_authors_is_told_from_theirs(
    store: Path, authors: dict[str, Means], tmp_path: Path, changes: list[str]
) -> None:
    found = ours("iemocap_5fold", store, tmp_path, *changes)["WA"]
    assert distance(found, authors["WA"]) < -LIMIT, found


@pytest.mark.slow
def test_our_superb_protocol_and_superbs_loop_agree_within_seed_noise(tmp_path: Path) -> None:
    """With fewer and larger steps than SUPERB's 30,000, on both sides the same."""
    store = write_store(tmp_path / "iemocap", num_layers=NUM_LAYERS)
    recipe = superb_probe.Recipe(steps=SUPERB_STEPS, eval_steps=5, lr=5e-3)
    utterances, _ = authors_probe.read_store(store, "all")
    theirs = Means(
        tuple(
            superb_probe.cross_validate(
                utterances.frames_FD,
                utterances.lengths_N,
                utterances.labels_N,
                utterances.groups_N,
                seed=seed,
                recipe=recipe,
            )
            for seed in SEEDS
        )
    )
    assert 50 < theirs.mean < 80
    own = [f"steps={recipe.steps}", f"eval_steps={recipe.eval_steps}"]
    rate = [f"lr={recipe.lr}", f"max_lr={recipe.lr}"]
    found = ours("superb_er", store, tmp_path / "runs", *own, *rate)["WA"]
    report("superb_er WA", found, theirs)
    assert abs(distance(found, theirs)) < LIMIT, (found, theirs)
    short = ours("superb_er", store, tmp_path / "short", "steps=3", "eval_steps=3", *rate)["WA"]
    assert distance(short, theirs) < -LIMIT, short

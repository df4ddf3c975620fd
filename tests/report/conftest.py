"""Hand-made results and logs, of the form that the probe and fairseq write."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from emotion2vec.probe.predictions import StoredPredictions, write_predictions
from emotion2vec.probe.statistics import Predictions
from tests.helpers.browser import Browser, missing, start

LABELS = ["angry", "happy", "neutral", "sad"]


def make_runs(num_folds: int, num_seeds: int, wa: float) -> list[dict]:
    return [
        {
            "fold": fold, "seed": seed, "WA": wa + fold, "UA": wa + seed, "WF1": wa - 1.0, "UAR": wa + seed,
            "macro_F1": wa - 2.0, "valid_WA": wa + 3.0, "best_epoch": 7 + fold, "confusion": np.eye(4).tolist(),
        }
        for seed in range(num_seeds)
        for fold in range(num_folds)
    ]  # fmt: skip


def make_raw_result(*, name: str = "tiny.pt", wa: float = 61.25, synthetic: bool = False) -> dict:
    return {
        "schema_version": 1,
        "protocol": "quickstart_speaker",
        "corpus": "folder",
        "synthetic": synthetic,
        "features": {
            "schema_version": 1, "name": name, "layers": "last", "granularity": "frame", "dim": 32, "skipped": [],
            "checkpoint": {"path": "checkpoint_last.pt", "sha256": "ab" * 32, "kind": "fairseq"},
            "software": {"emotion2vec": "0.1.0", "torch": "2.13.0"},
        },
        "labels": LABELS,
        "runs": make_runs(3, 2, wa),
        "summary": {
            "WA": {"mean": wa + 1.0, "std": 0.5}, "UA": {"mean": wa + 0.5, "std": 0.71},
            "WF1": {"mean": wa - 1.0, "std": 0.0},
        },
        "confusion": [[18, 6, 4, 2], [7, 15, 5, 3], [4, 5, 12, 9], [1, 2, 6, 21]],
        "num_folds": 3,
        "num_seeds": 2,
        "curves": {"fold0 seed0": [[1, 1.38, 30.0], [2, 1.2, 45.5], [3, 1.1, 52.0], [4, 1.05, 50.0]]},
        "probe": {"hidden_dim": 256, "num_parameters": 9476},
        "embeddings": "embeddings.npz",
        "seconds": 12.5,
        "versions": {"python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6", "emotion2vec": "0.1.0"},
        "git_commit": "0123456789abcdef",
    }  # fmt: skip


def write_embeddings(path: Path, *, num_per_fold: int = 8, num_folds: int = 3) -> None:
    rng = np.random.default_rng(3)
    label_index = np.tile(np.arange(4), num_per_fold * num_folds // 4)
    x = rng.normal(size=(len(label_index), 16)) + 2.0 * np.eye(4, 16)[label_index]
    fold = np.repeat(np.arange(num_folds), num_per_fold)
    np.savez(path, x=x.astype(np.float32), label_index=label_index, fold=fold)


def write_result_folder(directory: Path, **changes: object) -> Path:
    """Write a result; `name`, `wa` and `synthetic` go into it, other keyword arguments replace its keys."""
    arguments = {key: changes.pop(key) for key in ("name", "wa", "synthetic") if key in changes}
    directory.mkdir(parents=True)
    write_embeddings(directory / "embeddings.npz")
    path = directory / "result.json"
    path.write_text(json.dumps(make_raw_result(**arguments) | changes))
    return path


@pytest.fixture
def write_result(tmp_path: Path) -> Callable[..., Path]:
    """Write a result folder; keyword arguments replace keys of the result."""

    def write(folder: str = "run", **changes: object) -> Path:
        return write_result_folder(tmp_path / folder, **changes)

    return write


def make_stored(
    right: float, *, seeds: tuple[int, ...] = (1, 2), speakers: int = 6
) -> StoredPredictions:
    """Make answers to 60 utterances of which about this share is right."""
    true = np.arange(60) % 4
    rng = np.random.default_rng(int(100 * right))
    predicted = np.where(rng.random((len(seeds), 60)) < right, true, (true + 1) % 4)
    return StoredPredictions(
        ids=tuple(f"u{index:02d}" for index in range(60)),
        speakers=tuple(f"s{index % speakers}" if speakers else "" for index in range(60)),
        seeds=seeds,
        labels=tuple(LABELS),
        answers=Predictions(true, predicted, np.arange(60) // 20, 4),
    )


def write_compared(
    directory: Path, right: float, /, *, speakers: int = 6, **changes: object
) -> Path:
    """Write a result with answers of which about this share is right."""
    changes = {"predictions": "predictions.tsv", "wa": 100 * right} | changes
    path = write_result_folder(directory, **changes)
    write_predictions(directory / "predictions.tsv", make_stored(right, speakers=speakers))
    return path


def write_layers(directory: Path, *, num_layers: int = 4, **changes: object) -> Path:
    """Write a layers.json whose layer 2 is the best in validation, and the results of its layers below it."""
    layers = []
    for layer in range(num_layers):
        result = write_result_folder(directory / f"layer_{layer:02d}", wa=50.0 + layer)
        summary = json.loads(result.read_text())["summary"]
        valid_wa = 60.0 - abs(layer - 2)
        layers.append(
            {
                "layer": layer, "result": f"layer_{layer:02d}/result.json", "summary": summary, "valid_WA": valid_wa,
            }
        )  # fmt: skip
    raw = make_raw_result()
    keys = ("schema_version", "protocol", "corpus", "synthetic", "features")
    path = directory / "layers.json"
    path.write_text(
        json.dumps({key: raw[key] for key in keys} | {"layers": layers, "best": 2} | changes)
    )
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real browser for any file; skips, and says why, where it is not installed."""
    pytest.importorskip("selenium", reason="selenium is not installed (extra dev)")
    if missing():
        pytest.skip(f"{' and '.join(missing())} not installed (Debian: chromium, chromium-driver)")
    with TemporaryDirectory() as profile:
        running = start(Path(profile))
        yield running
        running.driver.quit()


HYDRA_PREFIX = "[2026-01-02 03:04:05,678][train_inner][INFO] - "


def make_log_line(update: int, *, prefix: str = HYDRA_PREFIX, **figures: str) -> str:
    values = {
        "epoch": "1", "num_updates": str(update), "loss": f"{3.0 / update:.4f}", "loss_frame": f"{2.0 / update:.4f}",
        "loss_utterance": f"{1.0 / update:.4f}", "target_var": "0.8", "pred_var": "0.4", "lr": "7.5e-05",
        "utterance_target_var": "0.05", "ema_decay": "0.999", "gnorm": "1.5", "masked_share": "0.5",
    } | figures  # fmt: skip
    return prefix + json.dumps(values)


@pytest.fixture
def write_log(tmp_path: Path) -> Callable[..., Path]:
    """Write a training log of some updates, between other lines."""

    def write(folder: str = "pretrain", lines: list[str] | None = None) -> Path:
        directory = tmp_path / folder
        directory.mkdir()
        path = directory / "train.log"
        body = lines if lines is not None else [make_log_line(update) for update in range(1, 6)]
        path.write_text(
            "\n".join(["2026 | INFO | fairseq.trainer | begin training epoch 1", *body, "done"])
        )
        return path

    return write

"""Evaluate features under a protocol: compose the config, train, score, write the result.

In: a YAML of `config/probe/` with overrides, through Hydra. Out: `result.json`, `confusion.csv`, `embeddings.npz`,
`predictions.tsv`, `folds.json` and `config.yaml` in the run's folder; `Evaluation` for `cli/probe.py`. Paper:
Section 4.3.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from emotion2vec.data.manifest import read_card, read_manifest
from emotion2vec.errors import ConfigError, ProtocolError
from emotion2vec.features.store import FeatureStore
from emotion2vec.files import write_text
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.conversation_config import ConversationConfig
from emotion2vec.probe.fold_file import FoldSet, check_fold_file, fold_file_text, read_fold_file
from emotion2vec.probe.head import count_parameters
from emotion2vec.probe.inputs import check_corpus, load_inputs
from emotion2vec.probe.protocol import (
    EvaluationSet,
    FoldReport,
    Rows,
    check_folds,
    index_folds,
    make_folds,
    select_utterances,
)
from emotion2vec.probe.recipe import build_head_for
from emotion2vec.probe.results import Evaluation, write_result
from emotion2vec.probe.run_result import RunResult
from emotion2vec.probe.saved_runs import SavedRuns, remove_saved_runs
from emotion2vec.probe.trainer import train_runs
from emotion2vec.progress import progress

logger = logging.getLogger(__name__)

# what a protocol's YAML names first in its defaults -> its settings
SCHEMAS = {"probe_schema": ProbeConfig, "conversation_schema": ConversationConfig}

# number of the fold from 1, number of folds, its results of all seeds
OnFold = Callable[[int, int, Sequence[RunResult]], None]


def compose_config(
    config_dir: Path, config_name: str, overrides: Sequence[str]
) -> tuple[ProbeConfig, Path]:
    """Compose a protocol's config as Hydra does.

    Args:
        config_dir: Folder of the YAML files.
        config_name: Name of one, without `.yaml`.
        overrides: Hydra overrides such as `features=DIR`, `seeds=[1,2]`, `hydra.run.dir=DIR`.

    Returns:
        The checked config, and the run's folder.

    Raises:
        ConfigError: No such config, or a wrong override or value.
    """
    name = config_name.removesuffix(".yaml")
    if not (config_dir / f"{name}.yaml").is_file():
        known = sorted(path.stem for path in config_dir.glob("*.yaml"))
        there = f"there are {known}" if known else "it holds none: give --config-dir"
        raise ConfigError(f"no protocol {name!r} in {str(config_dir)!r}; {there}")
    setup_globals()
    for schema_name, schema in SCHEMAS.items():
        ConfigStore.instance().store(name=schema_name, node=schema)
    try:
        with initialize_config_dir(str(config_dir.resolve()), version_base="1.3"):
            composed = compose(name, overrides=list(overrides), return_hydra_config=True)
        run_dir = Path(str(composed.hydra.run.dir))
        config = _to_object(composed)
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise ConfigError(f"{name}: {_plain(error)}") from error
    config.protocol = config.protocol or name
    config.validate()
    return config, run_dir


def evaluate(
    config: ProbeConfig,
    run_dir: Path,
    *,
    config_dir: Path,
    on_fold: OnFold,
    keep_runs: bool = False,
) -> Evaluation:
    """Run a protocol and write its result; runs that an interrupted call has finished are not trained again.

    Args:
        config: The settings.
        run_dir: Where the result goes.
        config_dir: Folder that `fold_file` is relative to.
        on_fold: Called when a fold is done.
        keep_runs: Leave the finished runs beside the result, for a caller that may call again.

    Raises:
        ConfigError: No features given, or a device that is not there.
        FeatureStoreError: The features are missing or damaged.
        ProtocolError: The protocol does not fit them.
    """
    started = time.monotonic()
    store, chosen = open_features(config)
    folds = load_folds(chosen.rows, config, config_dir)
    report = check_folds(folds, chosen.rows)
    _log_folds(config, chosen, folds, report)
    indexed = index_folds(folds, chosen, config)
    inputs = load_inputs(store, chosen, config)
    run_dir.mkdir(parents=True, exist_ok=True)  # before the training: it may not be possible
    identity = describe_run(config, [store.header, inputs.utterance_header], chosen, folds)
    saved = SavedRuns(run_dir, identity=identity)
    runs = collect_runs(train_runs(inputs.features, indexed, config, saved), folds, config, on_fold)
    evaluation = Evaluation(
        config=config,
        store_header=store.header,
        chosen=chosen,
        folds=folds,
        report=report,
        runs=runs,
        num_parameters=count_parameters(build_head_for(inputs.features, config)),
        seconds=time.monotonic() - started,
        identity=saved.identity,
        utterance_header=inputs.utterance_header,
    )
    write_settings(evaluation, run_dir)
    write_result(evaluation, run_dir)
    if not keep_runs:
        remove_saved_runs(run_dir)
    return evaluation


def _log_folds(
    config: ProbeConfig, chosen: EvaluationSet, folds: FoldSet, report: FoldReport
) -> None:
    logger.info("%s: %d utterances, %d folds from %s; speakers in training and test of a fold: %d to %d of %d",
                config.protocol, len(chosen.rows.ids), len(folds.folds), folds.source, min(report.shared_speakers),
                max(report.shared_speakers), report.num_speakers)  # fmt: skip


def write_settings(evaluation: Evaluation, run_dir: Path) -> None:
    """Write what the run was asked for: `config.yaml` and `folds.json`."""
    config = evaluation.config
    write_text(run_dir / "config.yaml", OmegaConf.to_yaml(OmegaConf.structured(config)))
    write_text(run_dir / "folds.json", fold_file_text(evaluation.folds, config, evaluation.corpus))


def open_features(config: ProbeConfig) -> tuple[FeatureStore, EvaluationSet]:
    """Open the feature store and choose the utterances.

    Raises:
        ConfigError: No features given.
        FeatureStoreError: The features are missing or damaged.
        ProtocolError: They are of another corpus, or have not the labels.
    """
    if not config.features:
        raise ConfigError(
            "no features given; say features=DIR, a folder that extract_features.py wrote"
        )
    store = FeatureStore.open(config.features, config.split)
    check_corpus(config, store)
    rows = Rows(store.ids, store.labels, store.speakers, store.sessions, store.splits)
    return store, select_utterances(rows, config, config.features)


def collect_runs(
    runs: Iterable[RunResult], folds: FoldSet, config: ProbeConfig, on_fold: OnFold
) -> tuple[RunResult, ...]:
    """Wait for every fold with every seed, and report each fold as it is done."""
    done: list[RunResult] = []
    total = len(folds.folds) * len(config.seeds)
    for run in progress(runs, description=config.protocol, total=total, unit="run"):
        done.append(run)
        if len(done) % len(config.seeds) == 0:
            on_fold(run.fold + 1, len(folds.folds), done[-len(config.seeds) :])
    return tuple(done)


def describe_run(
    config: ProbeConfig, headers: Sequence[Any], chosen: EvaluationSet, folds: FoldSet
) -> str:
    """Put everything that decides the outcome of a fold and seed into one text."""
    # do not, or stand below
    ways = (
        "jobs",
        "seeds",
        "features",
        "utterance_features",
        "fold_file",
        "manifest",
        "text_features",
    )
    settings = {key: value for key, value in asdict(config).items() if key not in ways}
    labels = [*map(str, chosen.label_names), *map(str, chosen.label_index_N.tolist())]
    return json.dumps(
        [settings, headers, labels, list(chosen.rows.ids), [asdict(fold) for fold in folds.folds]],
        sort_keys=True,
    )


def write_folds(config: ProbeConfig, manifest: Path, *, config_dir: Path) -> tuple[Path, FoldSet]:
    """Make a protocol's folds by its rule from a manifest, and write them to its fold file.

    Args:
        config: The protocol; must name a `fold_file`.
        manifest: `<split>.tsv` of the corpus.
        config_dir: Folder that `fold_file` is relative to.

    Raises:
        ManifestError: The manifest is missing or malformed.
        ProtocolError: The protocol has no fold file, or the rule does not fit the corpus.
    """
    if not config.fold_file:
        raise ProtocolError(
            f"{config.protocol} has no fold_file: its folds are made by rule whenever it runs"
        )
    if isinstance(config, ConversationConfig):
        raise ProtocolError(
            f"{config.protocol} uses the folds of another protocol; write {config.fold_file} with that one"
        )
    rows = read_rows(manifest)
    chosen = select_utterances(rows, config, str(manifest))
    folds = make_folds(chosen.rows, config)
    check_folds(folds, chosen.rows)
    path = config_dir / config.fold_file
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(
        path, fold_file_text(folds, config, config.corpus or read_card(manifest.parent).get("name"))
    )
    return path, folds


def load_folds(rows: Rows, config: ProbeConfig, config_dir: Path) -> FoldSet:
    """Read the protocol's fold file, or make folds by its rule.

    Raises:
        ProtocolError: The file is missing, not a fold file or made in another way, or the rule does not fit.
    """
    if config.fold_file:
        folds = read_fold_file(config_dir / config.fold_file)
        check_fold_file(folds, config)
        return folds
    return make_folds(rows, config)


def read_rows(manifest: Path) -> Rows:
    """Read what a protocol needs to know of a manifest's utterances.

    Raises:
        ManifestError: The manifest is missing or malformed.
    """
    utterances = read_manifest(manifest).utterances
    columns = ("id", "label", "speaker", "session", "split")
    return Rows(*([getattr(utterance, column) for utterance in utterances] for column in columns))


def _to_object(composed: DictConfig) -> ProbeConfig:
    """Merge what Hydra composed into the dataclass; wrong keys and types are refused here."""
    values = {key: value for key, value in composed.items() if key != "hydra"}
    found = OmegaConf.get_type(composed)
    schema = found if found in SCHEMAS.values() else ProbeConfig
    config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), values))
    assert isinstance(config, ProbeConfig)
    return config


def _plain(error: Exception) -> str:
    """Keep the lines of Hydra's message that concern a user, and the setting that it is about."""
    cause = error.__cause__ or error
    dropped = ("full_key", "object_type", "To append", "reference_type")
    lines = [line.strip() for line in str(cause).splitlines()]
    text = "; ".join(line for line in lines if line and not line.startswith(dropped))
    key = getattr(cause, "full_key", None)
    return f"{key}: {text}" if key else text

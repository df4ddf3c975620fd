"""Evaluate features under emotion prediction in conversation: join, make windows, train, score, write the result.

In: `ConversationConfig`, a manifest with dialogues, a store of speech features, of text features, or both. Out: files
of the form of other protocols (`result.json`, `predictions.tsv`, `confusion.csv`, ...) in the run's folder;
`Evaluation` for `cli/probe.py`. N utterances, D width, K labels. Paper: Section 5.4, Table 6.
"""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emotion2vec.data.manifest import Manifest, read_card, read_manifest
from emotion2vec.data.splits import Fold
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import ConfigError, ProtocolError
from emotion2vec.features.store import FeatureStore
from emotion2vec.features.upstreams import resolve_device
from emotion2vec.files import write_text
from emotion2vec.probe.conversation import Window, build_windows, check_no_leak, count_gaps
from emotion2vec.probe.conversation_config import ConversationConfig
from emotion2vec.probe.conversation_head import ConversationHead
from emotion2vec.probe.conversation_text import write_text_store
from emotion2vec.probe.conversation_train import ConversationData, train_runs
from emotion2vec.probe.fold_file import PARTS, FoldSet
from emotion2vec.probe.head import count_parameters
from emotion2vec.probe.inputs import check_corpus
from emotion2vec.probe.predictions import PREDICTIONS_NAME, write_predictions
from emotion2vec.probe.protocol import (
    EvaluationSet,
    Rows,
    check_folds,
    index_folds,
    select_utterances,
)
from emotion2vec.probe.results import Evaluation, result_json, write_confusion
from emotion2vec.probe.run import OnFold, collect_runs, describe_run, load_folds, write_settings
from emotion2vec.probe.saved_runs import SavedRuns, remove_saved_runs

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inputs:
    """What is known of each utterance.

    Attributes:
        utterances: Rows of the manifest that have features.
        vectors_ND: Their vectors, (N, D) float32: speech, text, or speech and then text.
        header: Description of the features, as in a store.
        modality: `speech`, `text` or `speech+text`.
    """

    utterances: tuple[Utterance, ...]
    vectors_ND: np.ndarray
    header: dict[str, Any]
    modality: str


def evaluate_conversation(
    config: ConversationConfig, run_dir: Path, *, config_dir: Path, on_fold: OnFold
) -> Evaluation:
    """Run the protocol and write its result.

    Args:
        config: The settings.
        run_dir: Where the result goes.
        config_dir: Folder that `fold_file` is relative to.
        on_fold: Called when a fold is done.

    Raises:
        ConfigError: No manifest or features given, or a device that is not there.
        ManifestError: The manifest is missing or malformed.
        FeatureStoreError: Features are missing, damaged or not finite.
        ProtocolError: Manifest, features and protocol do not fit together.
    """
    started = time.monotonic()
    inputs = load_inputs(config, run_dir)
    windows, chosen = choose_windows(inputs.utterances, config)
    folds = _restricted(load_folds(chosen.rows, config, config_dir), chosen, inputs, config)
    report = check_folds(folds, chosen.rows)
    indexed = index_folds(folds, chosen, config)
    check_no_leak(windows, indexed, [utterance.id for utterance in inputs.utterances])
    logger.info("%s: %d predictions from %d utterances, %s, %d folds from %s", config.protocol, len(windows),
                len(inputs.utterances), inputs.modality, len(folds.folds), folds.source)  # fmt: skip
    run_dir.mkdir(parents=True, exist_ok=True)  # before the training: it may not be possible
    vectors_ND = torch.from_numpy(inputs.vectors_ND).to(resolve_device(config.device))
    data = ConversationData(vectors_ND, windows, chosen.label_index_N, len(chosen.label_names))
    made_of = [inputs.header, inputs.modality, [asdict(window) for window in windows]]
    identity = describe_run(config, made_of, chosen, folds)
    saved = SavedRuns(run_dir, identity=identity)
    runs = collect_runs(train_runs(data, indexed, config, saved), folds, config, on_fold)
    head = ConversationHead(vectors_ND.shape[1], config.hidden_dim, len(chosen.label_names))
    evaluation = Evaluation(
        config=config,
        store_header=inputs.header,
        chosen=chosen,
        folds=folds,
        report=report,
        runs=runs,
        num_parameters=count_parameters(head),
        seconds=time.monotonic() - started,
        identity=saved.identity,
    )
    _write(evaluation, inputs, run_dir)
    remove_saved_runs(run_dir)
    return evaluation


def table_line(evaluation: Evaluation) -> str:
    """Return the line with the metrics of Table 6."""
    return f"UAR {evaluation.summary('UAR')} macro_F1 {evaluation.summary('macro_F1')}"


def load_inputs(config: ConversationConfig, run_dir: Path) -> Inputs:
    """Join the manifest with the features.

    Args:
        config: `manifest`, `features`, `text_features`, `text_model`, `layer`.
        run_dir: Where features of `text_model` go when `text_features` names no place.

    Raises:
        ConfigError: No manifest or no features given.
        FeatureStoreError: Features are missing, damaged or not finite.
        ProtocolError: Features of another corpus or of other utterances.
    """
    with_text = bool(config.text_features or config.text_model)
    if not config.manifest or not (config.features or with_text):
        missing = "features" if config.manifest else "manifest"
        raise ConfigError(
            f"no {missing} given; say manifest=DIR/all.tsv and features=DIR for speech, text_features=DIR or "
            "text_model=bert-base-uncased for text, or both"
        )
    manifest = read_manifest(Path(config.manifest))
    speech, text = None, None
    utterances = manifest.utterances
    if config.features:
        speech = FeatureStore.open(config.features, config.split)
        check_corpus(config, speech)
        utterances = _with_features(utterances, speech, config.manifest)
    if with_text:
        text = _open_text(manifest, config, run_dir)
        _refuse_other_ids(utterances, text, config.manifest)
    parts, headers = [], []
    for store, layer in ((speech, config.layer), (text, "last")):
        if store is not None:
            parts.append(_vectors(store, utterances, layer))
            headers.append(store.header)
    vectors_ND = np.concatenate(parts, axis=1)
    names = [name for name, store in (("speech", speech), ("text", text)) if store is not None]
    return Inputs(utterances, vectors_ND, _header(headers, config), "+".join(names))


def choose_windows(
    utterances: Sequence[Utterance], config: ConversationConfig
) -> tuple[tuple[Window, ...], EvaluationSet]:
    """Make the windows whose target has one of the protocol's labels; others are heard, not predicted.

    Raises:
        ProtocolError: Dialogues are unknown, or a label does not occur.
    """
    every = build_windows(utterances, history_turns=config.history_turns, source=config.manifest)
    gaps = count_gaps(utterances)
    if gaps:
        logger.warning(
            "%s: %d utterances of the dialogues have no features or are not in the manifest, so they are not heard; "
            "prepare the corpus with --option all_emotions=true",
            config.manifest,
            gaps,
        )
    columns = ("id", "label", "speaker", "session", "split")
    targets = [utterances[window.target] for window in every]
    rows = Rows(*([getattr(target, column) for target in targets] for column in columns))
    chosen = select_utterances(rows, config, f"{config.manifest} (predicted turns)")
    return tuple(every[position] for position in chosen.positions), chosen


def _restricted(
    folds: FoldSet, chosen: EvaluationSet, inputs: Inputs, config: ConversationConfig
) -> FoldSet:
    """Keep of each part the ids that are predicted, in the manifest's order.

    Raises:
        ProtocolError: The folds are of utterances that the manifest has not.
    """
    known = {utterance.id for utterance in inputs.utterances}
    listed = {name for fold in folds.folds for part in PARTS for name in getattr(fold, part)}
    if unknown := sorted(listed - known):
        raise ProtocolError(
            f"{folds.source}: {len(unknown)} of its {len(listed)} ids are not among the {len(known)} utterances of "
            f"{config.manifest} that have features, e.g. {unknown[:3]}; take the whole corpus, or use fold_file=null "
            "to make folds by rule"
        )
    parts = [{part: set(getattr(fold, part)) for part in PARTS} for fold in folds.folds]
    kept = [
        Fold(**{part: tuple(i for i in chosen.rows.ids if i in ids) for part, ids in fold.items()})
        for fold in parts
    ]
    return replace(folds, folds=tuple(kept))


def _open_text(manifest: Manifest, config: ConversationConfig, run_dir: Path) -> FeatureStore:
    """Open the text features; with a model they are made first, where they are not there yet."""
    folder = Path(config.text_features or run_dir / "text_features")
    if not config.text_model:
        return FeatureStore.open(folder, config.split)
    device = resolve_device(config.device)
    card_folder = Path(config.manifest).parent
    write_text_store(manifest, card_folder, folder, model=config.text_model, device=device)
    return FeatureStore.open(folder, manifest.name)


def _with_features(
    utterances: Sequence[Utterance], store: FeatureStore, source: str
) -> tuple[Utterance, ...]:
    """Keep the utterances that have features, and say how many have none."""
    ids = set(store.ids)
    unknown = sorted(ids - {utterance.id for utterance in utterances})
    if unknown:
        raise ProtocolError(
            f"{store.paths.npy}: {len(unknown)} of its {len(ids)} ids are not in {source}, e.g. {unknown[:3]}; extract "
            "from this manifest"
        )
    kept = tuple(utterance for utterance in utterances if utterance.id in ids)
    if len(kept) < len(utterances):
        logger.warning("%s: %d of %d utterances have no features in %s and are left out",
                       source, len(utterances) - len(kept), len(utterances), store.paths.npy)  # fmt: skip
    return kept


def _refuse_other_ids(utterances: Sequence[Utterance], store: FeatureStore, source: str) -> None:
    missing = sorted({utterance.id for utterance in utterances} - set(store.ids))
    if missing:
        raise ProtocolError(
            f"{store.paths.npy}: the text features lack {len(missing)} of {len(utterances)} utterances of {source}, "
            f"e.g. {missing[:3]} (they have {list(store.ids[:3])}, ...); make them from this manifest"
        )


def _vectors(store: FeatureStore, utterances: Sequence[Utterance], layer: str) -> np.ndarray:
    """Return the mean over each utterance's rows, in the order asked for, (N, D)."""
    place = {name: index for index, name in enumerate(store.ids)}
    positions = np.array([place[utterance.id] for utterance in utterances], dtype=np.int64)
    return store.load(layer, positions, average=True)


def _header(headers: Sequence[dict[str, Any]], config: ConversationConfig) -> dict[str, Any]:
    """Describe the features; of two stores the first one's description holds the second one's."""
    card = read_card(Path(config.manifest).parent)
    corpus = headers[0].get("corpus") or card.get("name")
    if config.corpus and corpus and corpus != config.corpus:
        raise ProtocolError(
            f"{config.protocol} is a protocol of {config.corpus}, but {config.manifest} is of {corpus}; say "
            "corpus=null to take any"
        )
    synthetic = any(bool(part.get("synthetic", False)) for part in (card, *headers))
    header = {**headers[0], "corpus": corpus, "synthetic": synthetic}
    if len(headers) == 2:
        header["name"] = " + ".join(str(part.get("name") or "unnamed") for part in headers)
        header["text"] = headers[1]
    return header


def _write(evaluation: Evaluation, inputs: Inputs, run_dir: Path) -> None:
    """Write the run's files, `result.json` last; embeddings there are none."""
    config = evaluation.config
    assert isinstance(config, ConversationConfig)
    write_settings(evaluation, run_dir)
    write_confusion(evaluation, run_dir)
    write_predictions(run_dir / PREDICTIONS_NAME, evaluation.predictions())
    result = result_json(evaluation)
    result["embeddings"] = None
    result["modality"] = inputs.modality
    result["num_utterances_heard"] = len(inputs.utterances)
    result["probe"] |= {
        key: Path(getattr(config, key)).name for key in ("manifest", "text_features", "text_model")
    }
    write_text(run_dir / "result.json", json.dumps(result, indent=1, ensure_ascii=False) + "\n")

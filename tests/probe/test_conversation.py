"""Windows of conversations: against a slow walk back through the dialogue, and without a leak."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.data.manifest import read_manifest
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import ProtocolError
from emotion2vec.probe.conversation import build_windows, check_no_leak, count_gaps
from emotion2vec.probe.fold_file import read_fold_file
from emotion2vec.probe.run import compose_config
from emotion2vec.probe.run_result import IndexFold
from tests.corpora.releases import iemocap
from tests.oracles.conversation import history_of
from tests.probe.conversations import make_conversations


def windows_of(utterances: list[Utterance], history_turns: int = 6) -> tuple:
    return build_windows(utterances, history_turns=history_turns, source="toy")


@pytest.mark.parametrize("history_turns", [1, 2, 6, 99])
@pytest.mark.parametrize("seed", [0, 1])
def test_windows_are_those_of_a_slow_walk_back(history_turns: int, seed: int) -> None:
    utterances, _ = make_conversations(sessions=2, dialogues=2, turns=9, seed=seed)
    shuffled = [utterances[i] for i in np.random.default_rng(seed).permutation(len(utterances))]
    found = {
        shuffled[window.target].id: [
            ([shuffled[i].id for i in turn], same)
            for turn, same in zip(window.turns, window.same_speaker, strict=True)
        ]
        for window in windows_of(shuffled, history_turns)
    }
    expected = {u.id: history_of(shuffled, u.id, history_turns) for u in shuffled}
    assert found == {name: history for name, history in expected.items() if history}
    assert list(found) == [u.id for u in shuffled if u.id in found]


def test_a_window_hears_nothing_of_the_target_or_later() -> None:
    utterances, _ = make_conversations()
    for window in windows_of(utterances):
        target = utterances[window.target]
        heard = [utterances[i] for i in window.heard]
        assert {u.dialogue for u in heard} == {target.dialogue}
        assert max(u.order for u in heard) < target.order
        assert max(u.turn for u in heard) < target.turn
        assert 1 <= len(window.turns) <= 6


def test_what_is_said_later_does_not_change_a_window() -> None:
    utterances, _ = make_conversations(sessions=1, dialogues=1, turns=12)
    earlier = [u for u in utterances if u.turn < 8]
    assert windows_of(earlier) == tuple(
        w for w in windows_of(utterances) if w.target < len(earlier)
    )


def session_folds(utterances: list[Utterance]) -> tuple:
    windows = windows_of(utterances)
    sessions = np.array([utterances[w.target].session for w in windows])
    speakers = np.array([utterances[w.target].speaker for w in windows])
    test, valid = speakers == "1F", speakers == "1M"
    train = sessions != "Session1"
    return windows, IndexFold(*(np.flatnonzero(part) for part in (train, valid, test)))


def test_a_speaker_left_out_with_the_session_shares_no_dialogue_with_training() -> None:
    utterances, _ = make_conversations()
    windows, fold = session_folds(utterances)
    check_no_leak(windows, [fold], [u.id for u in utterances])
    used = [
        {i for n in part for i in (windows[n].target, *windows[n].heard)}
        for part in (fold.train, fold.test)
    ]
    assert not used[0] & used[1]


def test_no_dialogue_of_iemocap_is_in_training_and_test_of_the_stored_folds() -> None:
    folder = Path(__file__).resolve().parents[2] / "config" / "probe"
    folds = read_fold_file(folder / compose_config(folder, "iemocap_epc", [])[0].fold_file).folds
    assert len(folds) == 10
    for fold in folds:
        # Ses01F_impro04_M012 is said in the dialogue Ses01F_impro04
        train, test = ({i.rsplit("_", 1)[0] for i in part} for part in (fold.train, fold.test))
        assert len(train) > 100
        assert not train & test
        assert not train & {i.rsplit("_", 1)[0] for i in fold.valid}


def test_a_dialogue_in_training_and_test_is_refused() -> None:
    utterances, _ = make_conversations()
    windows, fold = session_folds(utterances)
    leaking = IndexFold(np.append(fold.train, fold.valid[0]), fold.valid[1:], fold.test)
    with pytest.raises(ProtocolError, match="fold 2: dialogue 'Ses1_0' and 0 others are in train"):
        check_no_leak(windows, [fold, leaking], [u.id for u in utterances])


def test_an_utterance_that_training_and_test_both_hear_is_refused() -> None:
    utterances, _ = make_conversations()
    windows, fold = session_folds(utterances)
    stolen = windows[fold.test[0]].turns
    wrong = [*windows]
    wrong[fold.train[0]] = replace(windows[fold.train[0]], turns=stolen)
    with pytest.raises(ProtocolError, match="fold 1: utterance 'Ses1_0_.* is in training and test"):
        check_no_leak(wrong, [fold], [u.id for u in utterances])


@pytest.mark.parametrize("column", ["dialogue", "order", "turn", "speaker"])
def test_a_manifest_without_conversations_is_refused(column: str) -> None:
    utterances, _ = make_conversations(sessions=1, dialogues=1)
    plain = [replace(u, **{column: None}) for u in utterances]
    with pytest.raises(
        ProtocolError, match=f"toy: the {column} of {len(plain)} of {len(plain)} ut"
    ):
        windows_of(plain)


@pytest.mark.parametrize("change", [{"order": 0}, {"turn": 0}, {"speaker": "Zoe"}])
def test_places_that_contradict_each_other_are_refused(change: dict) -> None:
    utterances, _ = make_conversations(sessions=1, dialogues=1)
    number = next(i for i in range(3, 40) if utterances[i].turn == utterances[i - 1].turn)
    utterances[number] = replace(utterances[number], **change)
    with pytest.raises(ProtocolError, match="contradict each other in dialogue 'Ses1_0'"):
        windows_of(utterances)


def test_one_turn_is_no_history() -> None:
    utterances, _ = make_conversations(sessions=1, dialogues=2, turns=1)
    with pytest.raises(ProtocolError, match="toy: no dialogue has two turns"):
        windows_of(utterances)


def test_utterances_that_the_manifest_lacks_are_counted() -> None:
    utterances, _ = make_conversations(sessions=1, dialogues=2)
    assert count_gaps(utterances) == 0
    assert count_gaps(utterances[:3] + utterances[5:]) == 2


def test_a_prepared_iemocap_has_the_turns_of_its_label_files(tmp_path: Path) -> None:
    iemocap.build_miniature(tmp_path / "root")
    prepare_corpus("iemocap", tmp_path / "root", tmp_path / "out", all_emotions="true")
    utterances = read_manifest(tmp_path / "out" / "all.tsv").utterances
    assert count_gaps(utterances) == 0
    found = {
        utterances[w.target].id[7:]: " | ".join(
            " ".join(utterances[i].id.rsplit("_", 1)[1] for i in turn) for turn in w.turns
        )
        for w in windows_of(list(utterances))
    }
    assert found == {
        "impro01_M000": "F000 F001",
        "impro01_F002": "F000 F001 | M000",
        "impro01_M001": "F000 F001 | M000 | F002",
        "script01_1_F000": "M000",
        "script01_1_M001": "M000 | F000",
        "script01_1_F001": "M000 | F000 | M001",
    }

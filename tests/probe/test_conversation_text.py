"""Text features by a tiny BERT with random weights, saved to disk."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from emotion2vec.audio.torchaudio_compat import import_torchaudio
from emotion2vec.data.manifest import read_manifest
from emotion2vec.errors import FeatureStoreError
from emotion2vec.features.store import FeatureStore
from emotion2vec.probe.conversation_text import write_text_store
from tests.probe.conversations import make_conversations, write_features, write_manifest

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "word0", "word1", "word2", "word3", "again"]
CPU = torch.device("cpu")


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    """Save a BERT of two layers and its tokenizer."""
    import_torchaudio()
    transformers = pytest.importorskip("transformers", reason="the extra 'text' is not installed")
    folder = tmp_path / "tiny_bert"
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=12, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=512,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def write(
    folder: Path, model: Path | str, *, texts: list[str | None] | None = None
) -> FeatureStore:
    utterances, _ = make_conversations(sessions=1, dialogues=1, turns=20)
    if texts is not None:
        chosen = [texts[i % len(texts)] for i in range(len(utterances))]
        utterances = [replace(u, text=t) for u, t in zip(utterances, chosen, strict=True)]
    tsv = write_manifest(folder / "manifest", utterances)
    write_text_store(read_manifest(tsv), tsv.parent, folder / "text", model=str(model), device=CPU)
    return FeatureStore.open(folder / "text")


def test_a_text_is_the_mean_of_its_tokens_alone(tmp_path: Path, bert: Path) -> None:
    import transformers

    texts = ["word0", "word1 again word2 again", "word3 " * 9]
    store = write(tmp_path, bert, texts=texts)
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    model = transformers.AutoModel.from_pretrained(bert).eval()
    for index, text in enumerate(texts):
        with torch.no_grad():
            hidden_TD = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        assert len(hidden_TD) == len(text.split()) + 2
        np.testing.assert_allclose(store.load()[index], hidden_TD.mean(0).numpy(), atol=1e-5)
    assert store.load().shape == (len(store.ids), 12)


def test_a_complete_store_is_kept_without_loading_the_model(tmp_path: Path, bert: Path) -> None:
    first = write(tmp_path, bert).load()
    (bert / "config.json").unlink()
    assert np.array_equal(write(tmp_path, bert).load(), first)


def test_a_store_of_another_model_of_the_same_name_is_refused(tmp_path: Path, bert: Path) -> None:
    import transformers

    write(tmp_path, bert)
    model = transformers.AutoModel.from_pretrained(bert)
    model.embeddings.word_embeddings.weight.data += 1
    model.save_pretrained(bert)
    with pytest.raises(FeatureStoreError, match="made with other settings, another checkpoint"):
        write(tmp_path, bert)


def test_long_texts_are_cut_to_what_the_model_takes(tmp_path: Path, bert: Path) -> None:
    store = write(tmp_path, bert, texts=["again " * 510, "again " * 900])
    np.testing.assert_allclose(store.load()[0], store.load()[1], atol=1e-5)


def test_utterances_without_text_are_counted(
    tmp_path: Path, bert: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        store = write(tmp_path, bert, texts=["again", None])
    assert f"{len(store.ids) // 2} of {len(store.ids)} utterances have no text" in caplog.text


def test_a_corpus_without_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        FeatureStoreError, match="no utterance has a text; prepare the corpus again"
    ):
        write(tmp_path, "nothing", texts=[None])


def test_a_model_that_is_not_there_gets_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_torchaudio()
    transformers = pytest.importorskip("transformers", reason="the extra 'text' is not installed")

    def offline(*_: object, **__: object) -> None:
        raise OSError("We couldn't connect to the hub\nto load the files")

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", offline)
    with pytest.raises(
        FeatureStoreError, match=r"^text_model 'bert-base-uncased' is neither.*hf download"
    ):
        write(tmp_path, "bert-base-uncased")


def test_a_run_makes_text_features_and_uses_them(
    tmp_path: Path, bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from emotion2vec.cli.main import main

    utterances, sounds = make_conversations()
    tsv = write_manifest(tmp_path / "manifest", utterances)
    speech = write_features(tmp_path / "speech", utterances, sounds)
    (tmp_path / "protocols").mkdir()
    (tmp_path / "protocols" / "toy.yaml").write_text(
        "defaults: [conversation_schema, _self_]\nrule: leave_one_speaker_out\n"
        "labels: [angry, happy, neutral, sad]\n"
    )
    settings = [f"manifest={tsv}", f"features={speech}", f"text_model={bert}", "epochs=1", "seeds=[1]", "device=cpu",
                f"hydra.run.dir={tmp_path / 'run'}"]  # fmt: skip
    command = ["probe", "--config-dir", str(tmp_path / "protocols"), "--config-name", "toy"]
    assert main([*command, *settings]) == 0
    assert "folds=6 seeds=1" in capsys.readouterr().out.splitlines()[-1]
    assert FeatureStore.open(tmp_path / "run" / "text_features").load().shape[1] == 12

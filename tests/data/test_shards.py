"""A manifest folder in shards gives the batches of the loose files, to us and to fairseq."""

import json
import logging
import tarfile
from pathlib import Path

import pytest
import torch

from emotion2vec.data.batching import batch_by_length
from emotion2vec.data.checks import check_folder
from emotion2vec.data.collate import collate_pretrain
from emotion2vec.data.dataset import SpeechDataset
from emotion2vec.data.manifest import read_card, read_manifest, write_manifest_folder
from emotion2vec.data.shards import write_shards
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import AudioError, ManifestError
from emotion2vec.structs import PretrainBatch
from tests.data.test_batching import HalfMasker
from tests.helpers.wav import make_manifest_folder, write_wav

SPLITS = ("train", "valid", "test")


@pytest.fixture
def loose(tmp_path: Path) -> Path:
    return make_manifest_folder(tmp_path, num_utts=12, seconds=[0.5, 0.3, 0.7], splits=SPLITS)


def _batches(folder: Path, split: str = "all") -> list[PretrainBatch]:
    speech = SpeechDataset(read_manifest(folder / f"{split}.tsv"), max_samples=10000)
    planned = batch_by_length(speech.sizes.tolist(), max_samples=30000, max_utterances=None, seed=1)
    return [
        collate_pretrain(
            [speech[index] for index in indices],
            HalfMasker(), seed=1, epoch=2, max_samples=10000, pad=False,
        )
        for indices in planned
    ]  # fmt: skip


@pytest.mark.parametrize("split", ["all", *SPLITS])
def test_batches_are_those_of_the_loose_files(loose: Path, split: str, tmp_path: Path) -> None:
    write_shards(loose, tmp_path / "out", shard_bytes=30000)
    pairs = zip(_batches(loose, split), _batches(tmp_path / "out", split), strict=True)
    for one, two in pairs:
        assert torch.equal(one.waveform_BS, two.waveform_BS)
        assert torch.equal(one.masked_BCT, two.masked_BCT)


def test_a_manifest_without_table_and_labels_keeps_its_ids(tmp_path: Path) -> None:
    """A list as fairseq's users write it: ids are the paths, and masks depend on them."""
    loose = make_manifest_folder(tmp_path, num_utts=6, labels=())
    for name in ("utterances.tsv", "corpus.json"):
        (loose / name).unlink()
    write_shards(loose, tmp_path / "out", shard_bytes=10**6)
    ids = [row.id for row in read_manifest(tmp_path / "out" / "all.tsv").utterances]
    assert ids == [row.id for row in read_manifest(loose / "all.tsv").utterances]


def test_all_that_is_known_of_an_utterance_but_its_path_stays(loose: Path, tmp_path: Path) -> None:
    write_shards(loose, tmp_path / "out", shard_bytes=30000)
    for name in ("all", *SPLITS):
        pairs = zip(
            read_manifest(loose / f"{name}.tsv").utterances,
            read_manifest(tmp_path / "out" / f"{name}.tsv").utterances,
            strict=True,
        )
        for one, two in pairs:
            assert {**vars(one), "path": ""} == {**vars(two), "path": ""}
    assert read_card(tmp_path / "out").items() >= read_card(loose).items()


def test_a_shard_is_closed_when_it_is_full(loose: Path, tmp_path: Path) -> None:
    done = write_shards(loose, tmp_path / "out", shard_bytes=30000)
    sizes = [path.stat().st_size for path in sorted((tmp_path / "out").glob("shard-*.tar"))]
    assert (done.num_utterances, done.num_shards) == (12, len(sizes))
    assert done.num_bytes == sum(sizes)
    assert len(sizes) > 2
    assert min(sizes[:-1]) >= 30000


def test_shards_are_webdatasets_samples_shortest_first(loose: Path, tmp_path: Path) -> None:
    write_shards(loose, tmp_path / "out", shard_bytes=10**9)
    with tarfile.open(tmp_path / "out" / "shard-00000.tar") as tar:
        names = tar.getnames()
        first = json.load(tar.extractfile(names[1]))
    assert [name.split(".", 1)[1] for name in names] == ["wav", "json"] * 12
    assert [name.split(".")[0] for name in names[::2]] == [n.split(".")[0] for n in names[1::2]]
    assert first["num_samples"] == 4800
    assert first["id"] == "utt001"


@pytest.mark.fairseq
@pytest.mark.filterwarnings("ignore")
def test_fairseqs_own_dataset_reads_the_manifest(loose: Path, tmp_path: Path) -> None:
    from fairseq.data import FileAudioDataset

    write_shards(loose, tmp_path / "out", shard_bytes=30000)
    ours = SpeechDataset(read_manifest(tmp_path / "out" / "all.tsv"))
    theirs = FileAudioDataset(str(tmp_path / "out" / "all.tsv"), 16000, normalize=True)
    assert len(ours) == len(theirs) == 12
    for index in range(12):
        torch.testing.assert_close(theirs[index]["source"], ours[index].waveform_S)


def test_the_doctor_reads_shards_and_names_shard_and_member(tmp_path: Path) -> None:
    loose = make_manifest_folder(tmp_path, num_utts=4)
    write_wav(tmp_path / "audio" / "utt002.wav", seconds=0.4)
    write_shards(loose, tmp_path / "out", shard_bytes=10**9)
    (finding,) = check_folder(tmp_path / "out", num_jobs=1).findings
    assert finding.kind == "wrong length"
    assert "shard-00000.tar: 00000002_utt002.wav: holds 6400 samples" in finding.message


def test_the_doctor_finds_an_absent_shard(loose: Path, tmp_path: Path) -> None:
    write_shards(loose, tmp_path / "out", shard_bytes=10**9)
    (tmp_path / "out" / "shard-00000.tar").unlink()
    errors = check_folder(tmp_path / "out", num_jobs=1).errors
    assert [error.kind for error in errors] == ["missing"] * 12
    assert errors[0].message.endswith("shard-00000.tar: does not exist")


def test_training_names_shard_and_member_of_a_wrong_length(tmp_path: Path) -> None:
    loose = make_manifest_folder(tmp_path, num_utts=4)
    write_wav(tmp_path / "audio" / "utt002.wav", seconds=0.4)
    write_shards(loose, tmp_path / "out", shard_bytes=10**9)
    speech = SpeechDataset(read_manifest(tmp_path / "out" / "all.tsv"))
    with pytest.raises(ManifestError, match=r"00000\.tar: 00000002_utt002\.wav: has 6400 samples"):
        speech[2]


def test_silence_in_a_shard_is_named_by_its_member(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loose = make_manifest_folder(tmp_path, num_utts=2)
    path = tmp_path / "audio" / "utt001.wav"
    content = path.read_bytes()
    path.write_bytes(content[:44] + bytes(len(content) - 44))
    write_shards(loose, tmp_path / "out", shard_bytes=10**9)
    speech = SpeechDataset(read_manifest(tmp_path / "out" / "all.tsv"))
    with caplog.at_level(logging.WARNING):
        speech[1]
    assert "00000001_utt001.wav: silent from beginning to end" in caplog.text


def test_segments_of_a_longer_file_are_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "audio" / "long.wav", seconds=2.0)
    row = Utterance("first", "long.wav", 16000, start_sample=0, end_sample=16000)
    write_manifest_folder(tmp_path / "m", root=tmp_path / "audio", utterances=[row], card={})
    with pytest.raises(
        ManifestError, match=r"'first' is a segment .* prepare the corpus with --au"
    ):
        write_shards(tmp_path / "m", tmp_path / "out", shard_bytes=10**9)


def test_one_id_of_two_files_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    for split in ("train", "valid"):
        write_wav(tmp_path / split / "utt.wav")
        (folder / f"{split}.tsv").write_text(f"{tmp_path / split}\nutt.wav\t16000\n")
    with pytest.raises(ManifestError, match=r"the id 'utt' names two files: .*train/utt\.wav and"):
        write_shards(folder, tmp_path / "out", shard_bytes=10**9)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, r"utt001\.wav: does not exist; see `emotion2vec check`"),
        (b"ID3\x04 an MP3", r"utt001\.wav: is neither FLAC nor WAV nor Ogg"),
    ],
)
def test_a_file_that_cannot_be_put_into_a_shard_leaves_nothing_behind(
    content: bytes | None, sentence: str, loose: Path, tmp_path: Path
) -> None:
    path = tmp_path / "audio" / "utt001.wav"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioError, match=sentence):
        write_shards(loose, tmp_path / "out", shard_bytes=30000)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["audio", "manifest"]


def test_an_existing_folder_is_refused(loose: Path, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="exists already; name a new folder"):
        write_shards(loose, tmp_path, shard_bytes=10**9)

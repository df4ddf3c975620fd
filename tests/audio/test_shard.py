"""A sound file inside a tar is read as the file of its own is, and errors name shard and member."""

import io
import tarfile
from pathlib import Path

import pytest
import torch

from emotion2vec.audio.io import audio_info, read_audio
from emotion2vec.audio.shard import describe, file_on_disk, parse_member
from emotion2vec.errors import AudioError
from tests.helpers.wav import write_wav


def put_into_tar(tar: Path, files: dict[str, bytes]) -> dict[str, Path]:
    """Write a plain tar; returns name -> `TAR:OFFSET:SIZE`."""
    with tarfile.open(tar, "w", format=tarfile.USTAR_FORMAT) as shard:
        for name, content in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            shard.addfile(header, io.BytesIO(content))
    with tarfile.open(tar) as shard:
        return {m.name: Path(f"{tar}:{m.offset_data}:{m.size}") for m in shard.getmembers()}


@pytest.fixture
def loose(tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / name for name in ("a.flac", "b.wav", "c.flac")}
    for seed, path in enumerate(paths.values()):
        write_wav(path, seconds=0.5, seed=seed, channels=seed % 2 + 1)
    return paths


@pytest.fixture
def members(loose: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    files = {name: path.read_bytes() for name, path in loose.items()}
    return put_into_tar(tmp_path / "shard.tar", files)


def test_member_gives_the_samples_of_the_loose_file(
    loose: dict[str, Path], members: dict[str, Path]
) -> None:
    for name, path in loose.items():
        assert torch.equal(read_audio(members[name]), read_audio(path))
        assert audio_info(members[name]) == audio_info(path)


def test_segment_of_a_member_is_the_segment_of_the_loose_file(
    loose: dict[str, Path], members: dict[str, Path]
) -> None:
    cut = {"start_sample": 1000, "end_sample": 3000}
    assert torch.equal(read_audio(members["c.flac"], **cut), read_audio(loose["c.flac"], **cut))


def test_path_of_a_loose_file_is_no_member() -> None:
    assert parse_member(Path("speaker:1/utt:2.flac")) is None
    assert file_on_disk(Path("a/b.flac")) == Path("a/b.flac")


def test_a_member_is_described_by_shard_and_name(members: dict[str, Path], tmp_path: Path) -> None:
    assert describe(members["b.wav"]) == f"{tmp_path / 'shard.tar'}: b.wav"
    assert file_on_disk(members["b.wav"]) == tmp_path / "shard.tar"


def test_an_absent_shard_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"gone\.tar: does not exist$"):
        read_audio(tmp_path / "gone.tar:512:1000")


@pytest.mark.parametrize("change", [(1, 0), (0, 1), (-400, 0)])
def test_a_place_that_holds_no_member_is_refused(
    change: tuple[int, int], members: dict[str, Path]
) -> None:
    member = parse_member(members["a.flac"])
    assert member is not None
    wrong = Path(f"{member.shard}:{member.offset + change[0]}:{member.size + change[1]}")
    with pytest.raises(AudioError, match=r"shard\.tar: holds no file of \d+ bytes at byte \d+"):
        read_audio(wrong)


def test_a_shard_that_was_cut_short_names_the_member_and_what_is_missing(
    loose: dict[str, Path], tmp_path: Path
) -> None:
    member = put_into_tar(tmp_path / "cut.tar", {"b.wav": loose["b.wav"].read_bytes()})["b.wav"]
    place = parse_member(member)
    assert place is not None
    with place.shard.open("rb+") as file:
        file.truncate(place.offset + place.size - 100)
    with pytest.raises(AudioError, match=r"cut\.tar: b\.wav: is truncated: the shard lacks 100 "):
        read_audio(member)


@pytest.mark.parametrize(
    ("keep", "reason"),
    [(20, "cannot be read as audio"), (5000, "the header promises 11044 bytes more")],
)
def test_a_damaged_member_is_named(
    keep: int, reason: str, loose: dict[str, Path], tmp_path: Path
) -> None:
    write_wav(loose["b.wav"], seconds=0.5)
    content = loose["b.wav"].read_bytes()[:keep]
    member = put_into_tar(tmp_path / "damaged.tar", {"b.wav": content})["b.wav"]
    with pytest.raises(AudioError, match=rf"damaged\.tar: b\.wav: .*{reason}"):
        read_audio(member)

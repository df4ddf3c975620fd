"""Crops and masks depend on seed, epoch, utterance and clone, and on nothing else."""

import hashlib

import pytest
import torch

from emotion2vec.data.collate import collate_pretrain
from emotion2vec.data.dataset import SpeechItem
from emotion2vec.model.masking import build_masker
from emotion2vec.structs import PretrainBatch, num_frames
from tests.data.test_batching import HalfMasker


def _items(lengths: list[int]) -> list[SpeechItem]:
    return [
        SpeechItem(f"utt{n}", torch.randn(length, generator=torch.Generator().manual_seed(n)))
        for n, length in enumerate(lengths)
    ]


def _collate(items: list[SpeechItem], **changes: object) -> PretrainBatch:
    settings = {"seed": 1, "epoch": 1, "max_samples": 32000, "pad": False, **changes}
    return collate_pretrain(items, HalfMasker(), **settings)


def test_batch_is_cropped_to_its_shortest_utterance() -> None:
    batch = _collate(_items([20000, 12000, 40000]))
    assert batch.waveform_BS.shape == (3, 12000)
    assert batch.padding_BS is None
    assert batch.masked_BCT.shape == (3, 2, num_frames(12000))


def test_batch_is_padded_to_its_longest_utterance_up_to_the_limit() -> None:
    batch = _collate(_items([20000, 12000, 40000]), pad=True)
    assert batch.waveform_BS.shape == (3, 32000)
    assert batch.padding_BS is not None
    assert (~batch.padding_BS).sum(1).tolist() == [20000, 12000, 32000]
    assert not batch.waveform_BS[batch.padding_BS].any()


def test_crops_are_multiples_where_asked_and_clips_shorter_than_one_stay_whole() -> None:
    batch = _collate(_items([20000, 12500, 40000]), length_multiple=5000)
    assert batch.waveform_BS.shape == (3, 10000)
    batch = _collate(_items([20000, 12500, 40000]), length_multiple=5000, pad=True)
    assert batch.padding_BS is not None
    assert (~batch.padding_BS).sum(1).tolist() == [20000, 10000, 30000]
    assert _collate(_items([4000, 12500]), length_multiple=5000).waveform_BS.shape == (2, 4000)


@pytest.mark.parametrize("pad", [False, True])
def test_every_row_masks_the_same_number_of_valid_frames(pad: bool) -> None:
    lengths = [20000, 12000, 40000]
    masked = _collate(_items(lengths), pad=pad).masked_BCT
    assert masked.sum(-1).unique().tolist() == [num_frames(12000) // 2]
    if pad:
        assert not masked[1, :, num_frames(12000) :].any()


def test_utterance_keeps_its_crop_and_masks_in_another_batch_of_the_same_length() -> None:
    items = _items([20000, 12000, 40000, 30000])
    first, second = _collate(items[:3]), _collate([items[2], items[1]])
    torch.testing.assert_close(first.waveform_BS[2], second.waveform_BS[0])
    assert torch.equal(first.masked_BCT[2], second.masked_BCT[0])


@pytest.mark.parametrize("change", [{"seed": 2}, {"epoch": 2}])
def test_another_seed_or_epoch_draws_other_crops_and_masks(change: dict[str, int]) -> None:
    items = _items([20000, 12000])
    first, second = _collate(items), _collate(items, **change)
    assert not torch.equal(first.waveform_BS[0], second.waveform_BS[0])
    assert not torch.equal(first.masked_BCT, second.masked_BCT)


def test_clones_of_an_utterance_have_masks_of_their_own() -> None:
    masked = _collate(_items([32000])).masked_BCT
    assert not torch.equal(masked[0, 0], masked[0, 1])


def test_masks_do_not_depend_on_global_random_state() -> None:
    items = _items([20000, 12000])
    torch.manual_seed(1)
    first = _collate(items)
    torch.manual_seed(2)
    assert torch.equal(first.masked_BCT, _collate(items).masked_BCT)


@pytest.mark.parametrize(
    ("rule", "prob", "span_frames", "pad", "digest"),
    [
        ("share", 0.5, 5, False, "82ea1f5b6f079bc5"),
        ("share", 0.5, 5, True, "7cecc2b8a7e8be5c"),
        ("spans", 0.65, 10, False, "383fe38762c05505"),
        ("spans", 0.65, 10, True, "aaeec3c3c76d29b9"),
    ],
)
def test_a_seed_gives_the_batch_that_it_has_always_given(
    rule: str, prob: float, span_frames: int, pad: bool, digest: str
) -> None:
    """Whole numbers, so that the bits are the same on any processor; a changed digest is a changed run."""
    masker = build_masker(rule, prob=prob, span_frames=span_frames, prob_adjust=0.05, num_clones=8)
    items = [
        SpeechItem(f"speaker/utt{n}", torch.arange(length, dtype=torch.float32))
        for n, length in enumerate([64000, 48123, 90000])
    ]
    batch = collate_pretrain(items, masker, seed=1, epoch=3, max_samples=80000, pad=pad)
    found = hashlib.blake2b(batch.waveform_BS.numpy().tobytes(), digest_size=8)
    found.update(batch.masked_BCT.numpy().tobytes())
    assert found.hexdigest() == digest

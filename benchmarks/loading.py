"""Loading: from files to batches with masks, ours against fairseq's own data2vec 2.0 dataset, on the same files.

In: number of files and workers. Out: a table and, with --json, every measurement. Both read, normalise, crop to the
shortest and draw masks for 8 clones with the same settings, in the same batches and torch's DataLoader. Each pipeline
goes through all files in turn, round after round; the first round is warm-up. The stages of ours are timed one by one,
and small files against the same in shards. The system keeps what was read in memory: the disk is not measured.
Run it from anywhere: `python benchmarks/loading.py --help`.
"""

import argparse
import dataclasses
import os
import random
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from fairseq.data import FileAudioDataset  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

from benchmarks.arguments import make_parser  # noqa: E402
from benchmarks.machine import machine_facts  # noqa: E402
from benchmarks.measure import median  # noqa: E402
from benchmarks.output import SHARED_MACHINE, markdown_table, write_json  # noqa: E402
from benchmarks.speech_files import FORMATS, size_ratio, write_files  # noqa: E402
from emotion2vec.audio.io import is_silent, normalise_waveform, read_audio  # noqa: E402
from emotion2vec.audio.shard import file_on_disk  # noqa: E402
from emotion2vec.data.batching import PlannedBatch, batch_by_length  # noqa: E402
from emotion2vec.data.collate import collate_pretrain  # noqa: E402
from emotion2vec.data.dataset import SpeechDataset, SpeechItem  # noqa: E402
from emotion2vec.data.manifest import read_manifest  # noqa: E402
from emotion2vec.data.shards import write_shards  # noqa: E402
from emotion2vec.fairseq_plugin.dataset import PretrainingDataset  # noqa: E402
from emotion2vec.model.masking import SpanMasker  # noqa: E402
from emotion2vec.structs import CONV_KERNELS, CONV_STRIDES, SAMPLE_RATE_HZ  # noqa: E402

TARGET_AUDIO_S_PER_S = 2000
TARGET_CORES = 16
MASKER = SpanMasker(prob=0.5, span_frames=5, prob_adjust=0.05, num_clones=8)
_MAX_SAMPLES = 320_000
Row = dict[str, Any]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the files; kept")
    parser.add_argument("--files", type=int, default=200, help="files of 2 to 12 s (default: 200)")
    parser.add_argument(
        "--small-files", type=int, default=2000, help="files of 1 to 2 s (default: 2000)"
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default: 5)")
    parser.add_argument("--batch-samples", type=int, default=1_000_000)
    return parser.parse_args(arguments)


class Pipeline:
    """One dataset behind a DataLoader.

    Attributes:
        name: `ours` or `fairseq`.
        form: `flac`, `wav` or `flac shards`.
        audio_s: Audio that an epoch hands over, in seconds.
    """

    def __init__(self, name: str, form: str, manifest: Path, *, batch_samples: int) -> None:
        self.name, self.form = name, form
        speech = SpeechDataset(read_manifest(manifest / "all.tsv"), max_samples=_MAX_SAMPLES)
        indices = batch_by_length(
            speech.sizes.tolist(), max_samples=batch_samples, max_utterances=None, seed=1
        )
        shortest = [min(int(speech.sizes[i]) for i in batch) for batch in indices]
        self.audio_s = (
            sum(len(b) * n for b, n in zip(indices, shortest, strict=True)) / SAMPLE_RATE_HZ
        )
        self._batches: list[Any] = list(indices)
        if name == "fairseq":
            self._dataset: Any = _fairseq_dataset(manifest)
        else:
            self._batches = [PlannedBatch(tuple(b), 1, n, 1, 1) for n, b in enumerate(indices)]
            self._dataset = PretrainingDataset(
                speech, MASKER, seed=1, max_samples=_MAX_SAMPLES, pad=False
            )

    def epoch(self, num_workers: int) -> Row:
        """Go through all files once."""
        started, processor = time.perf_counter(), _processor_s()
        loader = DataLoader(
            self._dataset,
            batch_sampler=self._batches,
            collate_fn=self._dataset.collater,
            num_workers=num_workers,
        )
        num_batches = sum(1 for _ in loader)
        del loader  # waits for the workers, whose time then counts
        assert num_batches == len(self._batches)
        return {
            "pipeline": self.name,
            "form": self.form,
            "workers": num_workers,
            "audio_s": self.audio_s,
            "wall_s": time.perf_counter() - started,
            "cpu_s": _processor_s() - processor,
        }


def _fairseq_dataset(manifest: Path) -> FileAudioDataset:
    spec = [
        (512, kernel, stride) for kernel, stride in zip(CONV_KERNELS, CONV_STRIDES, strict=True)
    ]
    return FileAudioDataset(
        str(manifest / "all.tsv"),
        SAMPLE_RATE_HZ,
        max_sample_size=_MAX_SAMPLES,
        normalize=True,
        compute_mask=True,
        feature_encoder_spec=str(spec),
        mask_prob=MASKER.prob,
        mask_length=MASKER.span_frames,
        mask_prob_adjust=MASKER.prob_adjust,
        clone_batch=MASKER.num_clones,
    )


def _processor_s() -> float:
    """Processor time of this process and of the workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def time_stages(manifest: Path, *, rounds: int) -> dict[str, float]:
    """Time the stages of our pipeline in this process; milliseconds of a core for a second of audio."""
    speech = SpeechDataset(read_manifest(manifest / "all.tsv"))
    paths = [speech.manifest.root / row.path for row in speech.utterances]
    waveforms = [read_audio(path) for path in paths]
    items = [SpeechItem(row.id, w) for row, w in zip(speech.utterances, waveforms, strict=True)]
    settings: dict[str, Any] = {"seed": 1, "epoch": 1, "max_samples": _MAX_SAMPLES, "pad": False}
    no_clones = dataclasses.replace(MASKER, num_clones=0)
    groups = [items[at : at + 8] for at in range(0, len(items), 8)]
    stages: dict[str, Callable[[], object]] = {
        "decode": lambda: [read_audio(path) for path in paths],
        "silence check": lambda: [is_silent(w) for w in waveforms],
        "normalise": lambda: [normalise_waveform(w) for w in waveforms],
        "crop and stack": lambda: [collate_pretrain(g, no_clones, **settings) for g in groups],
        "crop, stack and masks": lambda: [collate_pretrain(g, MASKER, **settings) for g in groups],
    }
    audio_s = sum(map(len, waveforms)) / SAMPLE_RATE_HZ
    times: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(rounds + 1):
        for name, stage in stages.items():
            started = time.process_time()
            stage()
            times[name].append(time.process_time() - started)
    result = {name: 1000 * median(values[1:]) / audio_s for name, values in times.items()}
    result["masks of 8 clones"] = result.pop("crop, stack and masks") - result["crop and stack"]
    return result


def time_small_files(loose: Path, shards: Path, *, rounds: int) -> list[Row]:
    """Read small files at random, loose and in shards, with and without their pages in memory."""
    rows: list[Row] = []
    places = {"loose": loose, "shards": shards}
    speech = {name: SpeechDataset(read_manifest(p / "all.tsv")) for name, p in places.items()}
    order = list(range(len(speech["loose"])))
    random.Random(0).shuffle(order)
    for number in range(rounds + 1):
        for cold in (False, True):
            for name, dataset in speech.items():
                if cold:
                    _forget(dataset)
                started, processor = time.perf_counter(), time.process_time()
                for index in order:
                    dataset[index]
                row = {
                    "files": name,
                    "pages": "forgotten" if cold else "in memory",
                    "files_per_s": len(order) / (time.perf_counter() - started),
                    "cpu_ms_per_file": 1000 * (time.process_time() - processor) / len(order),
                }
                rows += [row] if number else []
    return rows


def _forget(dataset: SpeechDataset) -> None:
    """Ask the system to drop the pages of the files from memory; names and inodes stay."""
    root = dataset.manifest.root
    for path in {file_on_disk(root / row.path) for row in dataset.utterances}:
        number = os.open(path, os.O_RDONLY)
        os.fsync(number)
        os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(number)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Write the files and measure everything."""
    torch.set_num_threads(1)
    work = arguments.work
    manifests = write_files(
        work / "clips", num_files=arguments.files, shortest_s=2.0, longest_s=12.0
    )
    small = write_files(
        work / "small", num_files=arguments.small_files, shortest_s=1.0, longest_s=2.0
    )
    forms = dict(manifests)
    for name, source in (("flac shards", manifests["flac"]), ("small shards", small["flac"])):
        forms[name] = work / name.replace(" ", "_")
        shutil.rmtree(forms[name], ignore_errors=True)
        write_shards(source, forms[name], shard_bytes=10**9)
    pipelines = [
        Pipeline(name, form, forms[form], batch_samples=arguments.batch_samples)
        for form in (*FORMATS, "flac shards")
        for name in ("fairseq", "ours")
    ]
    return {
        "machine": dataclasses.asdict(machine_facts(threads=1, device="cpu")),
        "note": SHARED_MACHINE,
        "flac_bytes_per_wav_byte": size_ratio(work / "clips"),
        "epochs": list(_epochs(pipelines, arguments)),
        "stages_ms_per_audio_s": {
            form: time_stages(manifests[form], rounds=arguments.rounds) for form in FORMATS
        },
        "small_files": time_small_files(
            small["flac"], forms["small shards"], rounds=arguments.rounds
        ),
    }


def _epochs(pipelines: Sequence[Pipeline], arguments: argparse.Namespace) -> Iterator[Row]:
    for number in range(arguments.rounds + 1):
        for workers in arguments.workers:
            for pipeline in pipelines:
                row = {**pipeline.epoch(workers), "round": number}
                if number:
                    yield row


def tables(result: dict[str, Any]) -> str:
    """Write the result as Markdown."""
    return "\n\n".join([_epoch_table(result), _stage_table(result), _small_table(result)])


def _epoch_table(result: dict[str, Any]) -> str:
    rows = []
    for form in (*FORMATS, "flac shards"):
        for workers in sorted({row["workers"] for row in result["epochs"]}):
            runs = [r for r in result["epochs"] if (r["form"], r["workers"]) == (form, workers)]
            by_name = {n: [r for r in runs if r["pipeline"] == n] for n in ("fairseq", "ours")}
            wall, core = (
                {n: [r["audio_s"] / r[key] for r in by_name[n]] for n in by_name}
                for key in ("wall_s", "cpu_s")
            )
            ratios = [o / f for o, f in zip(core["ours"], core["fairseq"], strict=True)]
            ours = median(core["ours"])
            cores = TARGET_AUDIO_S_PER_S / ours
            speeds = [median(kind[name]) for kind in (wall, core) for name in by_name]
            rows.append([form, workers, *speeds, median(ratios), TARGET_CORES * ours, cores])
    titles = [
        "files", "workers", "fairseq audio-s/s", "ours audio-s/s", "fairseq audio-s per core-s",
        "ours audio-s per core-s", "ratio", f"ours x {TARGET_CORES} cores",
        f"cores for {TARGET_AUDIO_S_PER_S} audio-s/s",
    ]  # fmt: skip
    return markdown_table(titles, rows)


def _stage_table(result: dict[str, Any]) -> str:
    stages = result["stages_ms_per_audio_s"]
    rows = [[name, *(stages[form][name] for form in FORMATS)] for name in stages["flac"]]
    rows.append(["together", *(sum(stages[form].values()) for form in FORMATS)])
    return markdown_table(["core-ms per second of audio", *FORMATS], rows)


def _small_table(result: dict[str, Any]) -> str:
    rows = []
    for pages in ("in memory", "forgotten"):
        for name in ("loose", "shards"):
            runs = [r for r in result["small_files"] if (r["files"], r["pages"]) == (name, pages)]
            figures = [median([r[key] for r in runs]) for key in ("files_per_s", "cpu_ms_per_file")]
            rows.append([name, pages, *figures])
    return markdown_table(["small FLAC files", "pages", "files/s", "core-ms a file"], rows)


def main() -> None:
    """Measure, print, write."""
    arguments = parse()
    result = measure(arguments)
    write_json(arguments.json, result)
    print(tables(result))


if __name__ == "__main__":
    main()

"""One way to extract features, as a process that stays alive: `extraction.py` starts one for each.

In: a job (JSON) as argument, commands as lines of standard input. Out: seconds, processor seconds and peak memory of
each piece of work. Every way goes from audio files to features on the disk, with the same weights.
"""

import json
import resource
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.processes import serve  # noqa: E402
from emotion2vec.audio.torchaudio_compat import import_torchaudio  # noqa: E402
from emotion2vec.features.pipeline import extract_manifest, manifest_of_files  # noqa: E402
from emotion2vec.features.processor import keep_freed_memory  # noqa: E402
from emotion2vec.features.settings import ExtractionSettings  # noqa: E402
from emotion2vec.features.store import FeatureStore  # noqa: E402
from emotion2vec.features.upstreams import load_upstream  # noqa: E402

# files, folder for what is written, frame | utterance
Extract = Callable[[Sequence[str], Path, str], None]


def ours(job: dict[str, Any]) -> Extract:
    """Our pipeline: one feature store, as `extract_features.py` makes it."""
    if job["keep_memory"]:
        keep_freed_memory()
    upstream = load_upstream(job["model"], device="cpu", dtype=job["dtype"])

    def extract(files: Sequence[str], out: Path, granularity: str) -> None:
        settings = ExtractionSettings(granularity, batch_seconds=job["batch_seconds"])
        extract_manifest(upstream, manifest_of_files(files), out, settings=settings)

    return extract


def funasr(job: dict[str, Any]) -> Extract:
    """FunASR's AutoModel over the list of files; it writes one .npy a file."""
    model = _auto_model(job)

    def extract(files: Sequence[str], out: Path, granularity: str) -> None:
        model.generate(
            list(files), granularity=granularity, extract_embedding=True, output_dir=str(out)
        )

    return extract


def loop(job: dict[str, Any]) -> Extract:
    """The authors' way, on FunASR's copy of their network: read, normalise, encode, save, file after file."""
    network = _auto_model(job).model.eval()

    def extract(files: Sequence[str], out: Path, granularity: str) -> None:
        out.mkdir(parents=True, exist_ok=True)
        with torch.no_grad():
            for file in files:
                samples_S, _ = soundfile.read(file, dtype="float32")
                source_S = torch.from_numpy(samples_S)
                source_BS = torch.nn.functional.layer_norm(source_S, source_S.shape)[None]
                frames_TD = network.extract_features(source_BS, padding_mask=None)["x"][0].numpy()
                features = frames_TD if granularity == "frame" else frames_TD.mean(axis=0)
                np.save(out / f"{Path(file).stem}.npy", features)

    return extract


def _auto_model(job: dict[str, Any]) -> Any:
    import_torchaudio()
    from funasr import AutoModel

    return AutoModel(
        model=job["model"],
        device="cpu",
        ncpu=job["threads"],
        disable_update=True,
        disable_pbar=True,
        log_level="ERROR",
    )


def read_features(way: str, out: Path, files: Sequence[str]) -> list[np.ndarray]:
    """Return the features of each file, in order."""
    if way == "ours":
        store = FeatureStore.open(out)
        ends = np.cumsum(store.lengths_N)[:-1]
        return list(np.split(np.asarray(store.load()), ends))
    return [np.atleast_2d(np.load(next(out.rglob(f"{Path(file).stem}.npy")))) for file in files]


def main() -> None:
    """Load the model, then answer commands."""
    job = json.loads(sys.argv[1])
    torch.set_num_threads(job["threads"])
    extract = {"ours": ours, "funasr": funasr, "loop": loop}[job["way"]](job)
    torch.set_num_threads(job["threads"])  # FunASR sets its own

    def answer(command: dict[str, Any]) -> dict[str, float]:
        out = Path(command["out"])
        shutil.rmtree(out, ignore_errors=True)
        started, processor = time.perf_counter(), time.process_time()
        extract(command["files"], out, command["granularity"])
        return {
            "seconds": time.perf_counter() - started,
            "cpu_seconds": time.process_time() - processor,
            "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        }

    serve(answer)


if __name__ == "__main__":
    main()

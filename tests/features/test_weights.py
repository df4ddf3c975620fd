"""Where a baseline's weights come from: the path given, torch.hub's folder, the network; and what is said else."""

import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from emotion2vec.cli.main import main
from emotion2vec.errors import CheckpointError
from emotion2vec.features.baselines import weights
from emotion2vec.features.baselines.catalogue import BASELINES, Baseline
from emotion2vec.features.baselines.weights import cached_place, find_weights

WITH_WEIGHTS = sorted(name for name, baseline in BASELINES.items() if baseline.url)
CONTENTS = bytes(range(256)) * 10_000


class Handler(BaseHTTPRequestHandler):
    """Serves /whole, cuts /cut short, says nothing to /mute, knows nothing else."""

    def do_GET(self) -> None:
        if self.path == "/mute":
            time.sleep(3)
        self.send_response(404 if self.path == "/gone" else 200)
        self.send_header("Content-Length", str(len(CONTENTS)))
        self.end_headers()
        self.wfile.write(CONTENTS[: -1000 if self.path == "/cut" else None])

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("Network is unreachable")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def baseline(url: str) -> Baseline:
    return replace(BASELINES["wavlm_base"], url=url)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_without_network_one_sentence_says_which_file_to_put_where(
    home: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = BASELINES[name].url
    options = ["--audio", "a.wav", "--out", str(tmp_path / "out")]
    assert main(["extract", "--checkpoint", name, *options]) == 1
    (error,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert error == (
        f"error: {name} needs its weights, which are not here and could not be fetched (Network is unreachable): "
        f"fetch {url} where there is a network and put it at {home / url.rpartition('/')[2]}, "
        f"or say {name}:PATH with the path of the file"
    )


@pytest.mark.usefixtures("no_network")
def test_a_file_in_torch_hubs_folder_is_used(home: Path) -> None:
    home.mkdir(parents=True)
    (home / "wavlm_base.pth").write_bytes(b"here")
    assert find_weights(BASELINES["wavlm_base"], None) == home / "wavlm_base.pth"


@pytest.mark.usefixtures("home", "no_network")
def test_a_path_that_is_not_there_is_not_replaced_by_another_file(tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"no file '.*no.pth' with the weights of wavlm_base: expected https"
    ):
        find_weights(BASELINES["wavlm_base"], tmp_path / "no.pth")


def test_a_missing_file_is_fetched_once(home: Path, server: str) -> None:
    path = find_weights(baseline(f"{server}/whole"), None)
    assert path == home / "whole" == cached_place(baseline(f"{server}/whole"))
    assert path.read_bytes() == CONTENTS
    assert find_weights(baseline("http://127.0.0.1:9/whole"), None) == path


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("cut", f"the connection ended after {len(CONTENTS) - 1000} of {len(CONTENTS)} bytes"),
        ("gone", "HTTP Error 404|Not Found"),
        ("mute", "timed out"),
    ],
)
def test_a_fetch_that_fails_leaves_nothing_behind_and_does_not_hang(
    home: Path, server: str, page: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "TIMEOUT_S", 0.3)
    start = time.monotonic()
    with pytest.raises(CheckpointError, match=words):
        find_weights(baseline(f"{server}/{page}"), None)
    assert time.monotonic() - start < 2
    assert not home.exists() or list(home.iterdir()) == []

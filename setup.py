"""Package metadata. Tools are configured in pyproject.toml, exact versions pinned in constraints.txt."""

import re
import sys
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
MINIMUM, TOO_NEW = (3, 11), (3, 13)

if not sys.platform.startswith("linux"):
    sys.exit(
        "error: emotion2vec runs on Linux only (fairseq has wheels for nothing else); this is %s. "
        "Use a Linux machine, a container or WSL 2." % sys.platform
    )
if not MINIMUM <= sys.version_info[:2] < TOO_NEW:
    sys.exit(
        "error: emotion2vec needs Python 3.11 or 3.12 (fairseq has wheels for nothing else); this is "
        "Python %d.%d. Install python3.12 and make the environment with it." % sys.version_info[:2]
    )

VERSION = re.search(
    r'^__version__ = "(.+)"$',
    (ROOT / "emotion2vec" / "__init__.py").read_text("utf-8"),
    re.MULTILINE,
).group(1)

REQUIRED = [
    "ve-fairseq>=0.12.3,<0.13",  # imports as `fairseq`; the official release does not import on Python 3.11
    "torch>=2.13",
    "torchaudio>=2.11",
    "soundfile>=0.12",
    "numpy>=2.0",
    "omegaconf>=2.3,<2.4",
    "pyyaml>=6.0",
    "safetensors>=0.4",
    "hydra-core>=1.3,<1.4",
    "tensorboard>=2.14",  # what fairseq writes when common.tensorboard_logdir is set
    "tqdm>=4.60",
]

EXTRAS = {
    "audformat": ["audformat>=1.4"],
    # openSMILE's licence allows research and private use, no commercial products: only for the baseline `egemaps`.
    "egemaps": ["opensmile>=2.5"],
    "evaluation": ["matplotlib>=3.8", "scikit-learn>=1.4", "umap-learn>=0.5.7"],
    "export": ["huggingface_hub>=0.30"],  # Apache-2.0; models on the hub
    # MIT, with some forty packages behind it: only to test that FunASR runs what is exported for it
    "funasr": ["funasr>=1.4"],
    "onnx": ["onnx>=1.17", "onnxruntime>=1.20"],  # Apache-2.0, MIT
    # GPL-3: eSpeak NG's library and voices, for the synthetic corpus of the quickstart and nothing else.
    "quickstart": ["espeakng-loader>=0.2.4"],
    # Apache-2.0, brings transformers: for s3prl's users and the tests
    "s3prl": ["s3prl>=0.4.18"],
    "text": ["transformers>=5.0"],  # Apache-2.0; text features by a BERT, for Table 6
    "video": ["av>=12"],
    "slurm": ["hydra-submitit-launcher>=1.2"],
    "dev": [
        "audformat>=1.4",
        "hypothesis>=6.100",
        "import-linter>=2.1",
        "mypy>=1.11",
        "opensmile>=2.5",  # licence: see the extra `egemaps`
        "pytest>=8.2",
        "pytest-cov>=5",
        "pytest-xdist>=3.8",
        "ruff>=0.9",
        "scikit-learn>=1.4",
        "selenium>=4.20",  # Apache-2.0; drives the system's Chromium in the tests of pages
    ],
}

setup(
    name="emotion2vec",
    version=VERSION,
    description="Self-supervised pre-training for speech emotion representation, on fairseq",
    long_description=(ROOT / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11,<3.13",
    # The installed package folder is the fairseq user-dir too:
    # common.user_dir=$(python -c 'import emotion2vec; print(emotion2vec.__path__[0])')
    packages=find_packages(include=["emotion2vec", "emotion2vec.*"]),
    package_data={
        "": ["*.json", "*.yaml", "*.html", "*.css", "*.js", "*.csv", "*.tsv", "*.gz", "py.typed"]
    },
    install_requires=REQUIRED,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["emotion2vec=emotion2vec.cli.main:console_main"]},
    zip_safe=False,
    classifiers=[
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Multimedia :: Sound/Audio :: Speech",
    ],
)

"""The program that Hydra's launcher runs for each cell: `python -m emotion2vec.reproduction.job --multirun cell=A,B`.

In: the jobs file that `launch.py` wrote, and a cell's name. Out: the cell's folder.
"""

from dataclasses import dataclass
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from emotion2vec.reproduction.launch import run_job


@dataclass
class JobConfig:
    """One job.

    Attributes:
        jobs_file: What `launch.py` wrote.
        cell: Name of the cell.
    """

    jobs_file: str = MISSING
    cell: str = MISSING


ConfigStore.instance().store(name="job", node=JobConfig)


@hydra.main(version_base="1.3", config_path=None, config_name="job")
def main(config: JobConfig) -> None:
    """Run one cell."""
    run_job(Path(config.jobs_file), config.cell)


if __name__ == "__main__":
    main()

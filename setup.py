"""Package metadata; tools are configured in pyproject.toml."""

from setuptools import find_packages, setup

setup(name="emotion2vec", version="0.1.0", packages=find_packages(include=["emotion2vec*"]),
      entry_points={"console_scripts": ["emotion2vec=emotion2vec.cli.main:console_main"]})

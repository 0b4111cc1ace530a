"""Packaging.

The lower bounds were tried on Python 3.10 with the tests of activations, fits, DQN, evaluation and checkpoints.
"""

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="rrn",
    version="0.1.0",
    description="Reinforcement learning experiments with learnable rational activations",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    python_requires=">=3.10",
    packages=[*find_packages(include=["rrn", "rrn.*"]), "rrn.conf"],
    package_dir={"rrn.conf": "conf"},
    package_data={"rrn.conf": ["**/*.yaml"]},
    install_requires=[
        "ale-py>=0.12.1",
        "filelock>=3.12",
        "gymnasium>=1.1",
        "hydra-core>=1.3.2,<2",
        "imageio[ffmpeg]>=2.31",
        "matplotlib>=3.8",
        "numpy>=1.26",
        "psutil>=5.9",
        "scipy>=1.11",
        "tensorboard>=2.15",
        "torch>=2.6",
    ],
    extras_require={"test": ["hypothesis>=6.90", "pytest>=8", "pytest-timeout>=2.2", "pytest-xdist>=3.5", "ruff>=0.6"]},
)

"""Packaging, and the CPU kernels: one extension module for each set of instructions (see rrn/activations/ops/cpu.py).

They have no torch headers, so that the build needs nothing, and one wheel serves every torch and every Python. They
stand beside the package, not in it: in a checkout Python takes the package from there even if another one is
installed, and would not find them in it. Without a compiler (GCC or Clang) they are left out, and rationals run in
plain torch.

The lower bounds were tried on Python 3.10 with the tests of activations, kernels, fits, DQN, evaluation and
checkpoints.
"""

import platform
from pathlib import Path

from setuptools import Extension, find_packages, setup

# Results may round differently with contracted operations; nothing here may assume that there is no NaN or -0.
FLAGS = [
    "-std=c++17",
    "-O3",
    "-g0",
    "-fvisibility=hidden",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
]
KERNELS = {"rrn_cpu": []}
if platform.machine().lower() in ("x86_64", "amd64"):
    avx2 = ["-mavx2", "-mfma"]
    avx512 = [*avx2, "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mprefer-vector-width=512"]
    KERNELS["rrn_cpu_avx2"] = [*avx2, "-DRRN_VECTOR_BYTES=32"]
    KERNELS["rrn_cpu_avx512"] = [*avx512, "-DRRN_VECTOR_BYTES=64"]
# launchers of Hydra: several runs at once on this machine, and jobs of a SLURM cluster
SWEEP = ["hydra-joblib-launcher>=1.2", "hydra-submitit-launcher>=1.2"]


def kernel(name: str, flags: list[str]) -> Extension:
    return Extension(
        name,
        ["csrc/rational_cpu.cpp", "csrc/histogram.cpp", "csrc/module.cpp"],
        depends=[str(path) for path in Path("csrc").glob("*.h")],
        extra_compile_args=[*FLAGS, *flags, f"-DRRN_MODULE={name}"],
        py_limited_api=True,
        optional=True,
    )


setup(
    name="rrn",
    version="0.1.0",
    description="Reinforcement learning experiments with learnable rational activations",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    python_requires=">=3.10",
    packages=[*find_packages(include=["rrn", "rrn.*"]), "rrn.conf", "rrn.csrc"],
    package_dir={"rrn.conf": "conf", "rrn.csrc": "csrc"},
    package_data={
        "rrn.activations.fitting": ["presets.csv"],
        "rrn.conf": ["**/*.yaml"],
        "rrn.reference": ["*.csv"],
        "rrn.report": ["page.*"],
        "rrn.csrc": ["rational.cu", "rational.h"],  # compiled at run time
    },
    ext_modules=[kernel(name, flags) for name, flags in KERNELS.items()],
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
    install_requires=[
        "ale-py>=0.12.1",
        "filelock>=3.12",
        "gymnasium>=1.1",
        "hydra-core>=1.3.2,<2",
        "imageio[ffmpeg]>=2.31",
        "matplotlib>=3.8",
        "numpy>=1.26",
        "plotly>=6",
        "psutil>=5.9",
        "rich>=13",
        "scipy>=1.11",
        "stable-baselines3>=2.7",
        "tensorboard>=2.15",
        "torch>=2.6",
    ],
    extras_require={
        "cuda": ["cuda-core[cu13]>=1.2"],
        "minatar": ["minatar>=1.0.15"],
        "sweep": SWEEP,
        "test": [
            *SWEEP,
            "cuda-core[cu13]>=1.2; sys_platform != 'darwin'",
            "hypothesis>=6.90",
            "pytest>=8",
            "pytest-timeout>=2.2",
            "pytest-xdist>=3.5",
            "ruff>=0.6",
            "selenium>=4.11",
            "minatar>=1.0.15",
            "torchvision",
        ],
    },
)

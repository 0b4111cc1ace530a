"""The CPU kernels, and the folders beside the package that belong into it; what else is to say is in pyproject.toml.

One extension module for each set of instructions (see rrn/activations/ops/cpu.py). They have no torch headers, so that
the build needs nothing, and one wheel serves every torch and every Python. They are beside the package, not in it: in a
checkout Python takes the package from there even if another one is installed, and would not find them in it. Without a
compiler (GCC or Clang) they are left out, and rationals run in plain torch.
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
    packages=[*find_packages(include=["rrn", "rrn.*"]), "rrn.conf", "rrn.csrc"],
    package_dir={"rrn.conf": "conf", "rrn.csrc": "csrc"},
    package_data={
        "rrn": ["py.typed"],
        "rrn.activations.fitting": ["presets.csv"],
        "rrn.conf": ["**/*.yaml"],
        "rrn.reference": ["*.csv"],
        "rrn.report": ["page.*"],
        "rrn.csrc": ["rational.cu", "rational.h"],  # compiled at run time
    },
    ext_modules=[kernel(name, flags) for name, flags in KERNELS.items()],
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
)

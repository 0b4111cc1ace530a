"""The backend of Keras, which it reads when it is imported: that of KERAS_BACKEND, or one that is installed."""

from __future__ import annotations

import os
from importlib.util import find_spec

BACKENDS = [name for name in ("torch", "jax", "tensorflow") if find_spec(name)]
if BACKENDS:
    os.environ.setdefault("KERAS_BACKEND", BACKENDS[0])
if not (find_spec("keras") and os.environ.get("KERAS_BACKEND") in BACKENDS):
    collect_ignore = ["test_keras.py", "test_keras_from_torch.py", "test_keras_memory.py"]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

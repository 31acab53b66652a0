"""Two devices for every test: where there is no GPU, the CPU counts as two."""

import os

os.environ.setdefault("IPEX_XPU_CPU_DEVICES", "2")

"""The tests that need a GPU, then the benchmarks of speed and memory on it, in 8 minutes at most.

Benchmarks keep each figure as it is measured, so that another call goes on where this one ended.
"""

import subprocess
import sys
import time

import torch
from common import HERE

SECONDS = 480
PYTEST = ["-m", "pytest", "-m", "gpu", "-n", "0", "-q"]
BENCHMARKS = ("speed_nets", "speed_bilinear", "memory")


def main():
    """Run all in turn, and end with 1 if there is no GPU, a test fails or time runs out."""
    if not torch.cuda.is_available():
        raise SystemExit("torch sees no GPU here; run this where one is, with a build of torch that has CUDA.")
    print(torch.cuda.get_device_name(), torch.__version__, flush=True)
    calls = [PYTEST, *([str(HERE / f"{name}.py"), "--device", "cuda"] for name in BENCHMARKS)]
    end, failed = time.monotonic() + SECONDS, []
    for call in calls:
        try:
            done = subprocess.run([sys.executable, *call], cwd=HERE.parent, timeout=max(1.0, end - time.monotonic()))
            failed += [call[0]] * (done.returncode != 0)
        except subprocess.TimeoutExpired:
            failed.append(f"{call[0]}: the {SECONDS} seconds are over")
    print("\n".join(f"not done: {name}" for name in failed) or "all done")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()

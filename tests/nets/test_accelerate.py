"""Two processes train as one does, batch by batch."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from skzsl import ZeroShotTemporalAttention
from skzsl.nets import Accelerate
from skzsl.text import HashingEncoder

pytest.importorskip("accelerate", reason="pip install 'skzsl[accelerate]'")
needs_gloo = pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed training")
SCRIPT = """
import json, sys
import numpy as np, torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
from models import data, new
from skzsl.nets import Accelerate

found = {}
# Adam divides by gradients, and makes of rounding near 0 what is none.
plain = {"dropout": 0.0, "batch_norm": False, "optimizer": "SGD", "lr": 0.1}
for name, kind, given in [
    ("bilinear, minibatch", "one", {}),
    ("temporal attention", "several", {"dropout": 0.0}),
    ("temporal attention", "one", {"dropout": 0.0, "validation_fraction": 0.3, "batch_size": 3}),
    ("multi-level", "several", {**plain}),
    ("multi-level", "one", {**plain, "balanced": True, "mixup": 0.2, "averaged_epochs": 2}),
    ("global-local", "several", {}),
]:
    X, y = data(kind)
    model = new(name, callbacks=[Accelerate()], max_epochs=3, **given)
    try:
        model.fit(X, y)
        losses = [epoch["train_loss"] for epoch in model.history_]
        weights = [float(value) for tensor in model.module_.state_dict().values() for value in tensor.double().ravel()]
        found[f"{name}, {kind}"] = [losses, weights]
    except ValueError as error:
        found[f"{name}, {kind}"] = str(error)
for name in ("contrastive, linear", "multi-level"):
    try:
        new(name, callbacks=[Accelerate()]).fit(*data("one"))
    except ValueError as error:
        found[name] = str(error)
print("FOUND" + json.dumps(found))
"""


def started(n_processes):
    """Processes, as accelerate launch starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "ACCELERATE_USE_CPU": "true"}
    shared |= {"CUDA_VISIBLE_DEVICES": "", "WORLD_SIZE": str(n_processes)}
    shared["LOCAL_WORLD_SIZE"] = str(n_processes)
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parents[1])]
    places = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} if n_processes > 1 else {} for rank in range(n_processes)]
    return [
        subprocess.Popen(command, env={**shared, **place}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for place in places
    ]


def found_by(runs):
    """What each process found."""
    outputs = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0] * len(runs), outputs
    return [json.loads(out.split("FOUND")[1]) for out, _ in outputs]


@needs_gloo
def test_two_processes_have_the_losses_and_weights_of_one():
    alone, first, second = found_by([*started(1), *started(2)])
    assert first == second
    n_compared = 0
    for name, found in first.items():
        if isinstance(found, list):
            n_compared += 1
            np.testing.assert_allclose(found[0], alone[name][0], rtol=1e-5, err_msg=name)
            np.testing.assert_allclose(found[1], alone[name][1], rtol=0, atol=1e-5, err_msg=name)
    assert n_compared == 5
    for name in ("contrastive, linear", "multi-level", "global-local, several"):
        assert "no process has all" in first[name]


def test_one_process_trains_as_without_the_callback():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 3, 4)), np.array(["rain", "dog", "wind"] * 4)
    parameters = {"max_epochs": 2, "random_state": 0, "device": "cpu"}
    plain, called = (
        ZeroShotTemporalAttention(HashingEncoder(8), callbacks=callbacks, **parameters).fit(X, y)
        for callbacks in (None, [Accelerate()])
    )
    np.testing.assert_array_equal(plain.decision_function(X), called.decision_function(X))


def test_without_accelerate_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    model = ZeroShotTemporalAttention(HashingEncoder(8), callbacks=[Accelerate()], max_epochs=1, device="cpu")
    with pytest.raises(ImportError, match=r"pip install 'skzsl\[accelerate\]'"):
        model.fit(np.eye(4)[:, None], ["rain", "dog", "wind", "cat"])

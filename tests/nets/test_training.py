import pickle

import numpy as np
import pytest
import torch
from agreement import assert_agree
from skorch.callbacks import Callback, LRScheduler

from skzsl.nets import BilinearModule, EmbeddingNet, WeightedRankingLoss
from skzsl.nets.batches import RowBatches, RowData
from skzsl.nets.settings import resolve_device, resolve_optimizer


@pytest.fixture
def clips(rng):
    X = rng.normal(size=(50, 6)).astype(np.float32)
    return X, rng.integers(0, 4, 50), rng.normal(size=(4, 5)).astype(np.float32)


def make_net(vectors, **parameters):
    parameters = {"optimizer": torch.optim.SGD, "lr": 0.1, "batch_size": 8, "verbose": 0, **parameters}
    return EmbeddingNet(
        BilinearModule,
        WeightedRankingLoss,
        module__n_features=6,
        module__n_dims=5,
        fixed_inputs=(vectors,),
        **parameters,
    )


def weights_after(clips, epochs=3, **parameters):
    X, y, vectors = clips
    return make_net(vectors, **parameters).train((X,), y, epochs=epochs).module_.weight.detach().numpy()


def test_training_equals_a_plain_torch_loop(clips):
    X, y, vectors = (torch.from_numpy(array) for array in clips)
    weight = torch.zeros(6, 5, requires_grad=True)
    optimizer, loss = torch.optim.SGD([weight], lr=0.1), WeightedRankingLoss()
    for _ in range(3):
        for start in range(0, len(X), 8):
            optimizer.zero_grad()
            loss(X[start : start + 8] @ weight @ vectors.T, y[start : start + 8]).backward()
            optimizer.step()
    assert_agree(weights_after(clips, shuffle=False), weight.detach())


class CountBatches(Callback):
    def on_train_begin(self, net, **kwargs):
        self.count_ = 0

    def on_batch_end(self, net, training=False, **kwargs):
        self.count_ += training


def test_batch_callbacks_run_and_change_nothing(clips):
    counter = CountBatches()
    X, y, vectors = clips
    settings = {"random_state": 0, "validation_fraction": 0.2}
    net = make_net(vectors, callbacks=[counter], **settings).train((X,), y, epochs=2)
    assert counter.count_ == 2 * 5
    plain = make_net(vectors, **settings).train((X,), y, epochs=2)
    torch.testing.assert_close(net.module_.weight, plain.module_.weight)
    np.testing.assert_allclose(
        [[row["train_loss"], row["valid_loss"]] for row in net.epochs_since(0)],
        [[row["train_loss"], row["valid_loss"]] for row in plain.epochs_since(0)],
        rtol=1e-5,
    )


def test_learning_rate_schedules_act(clips):
    schedule = LRScheduler("StepLR", step_size=1, gamma=0.0)
    stopped = weights_after(clips, epochs=5, callbacks=[schedule], shuffle=False)
    np.testing.assert_array_equal(stopped, weights_after(clips, epochs=1, shuffle=False))


def test_same_seed_same_weights_and_torch_is_left_alone(clips):
    torch.manual_seed(123)
    expected = torch.rand(3)
    torch.manual_seed(123)
    first = weights_after(clips, random_state=0)
    torch.testing.assert_close(torch.rand(3), expected)
    torch.rand(5)
    np.testing.assert_array_equal(weights_after(clips, random_state=0), first)
    assert not np.array_equal(weights_after(clips, random_state=1), first)


def test_validation_clips_are_held_out_and_the_best_weights_kept(clips):
    from skzsl.nets.callbacks import BestEpoch

    X, y, vectors = clips
    net = make_net(vectors, lr=20.0, callbacks=[BestEpoch("valid_loss", 2)], validation_fraction=0.3, random_state=0)
    net.train((X,), y, epochs=50)
    losses = [row["valid_loss"] for row in net.epochs_since(0)]
    assert len(losses) < 50
    train, valid = net.get_split_datasets((X,), y)
    assert (len(train), len(valid)) == (35, 15)
    assert set(train.rows.tolist()).isdisjoint(valid.rows.tolist())
    assert int(np.argmin(losses)) == len(losses) - 3
    torch.testing.assert_close(
        net.forward((X,)),
        make_net(vectors, lr=20.0, validation_fraction=0.3, random_state=0)
        .train((X,), y, epochs=len(losses) - 2)
        .forward((X,)),
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.float16, np.float64])
def test_batches_reach_the_module_as_float32(dtype):
    X = np.arange(12).reshape(6, 2).astype(dtype)
    batches = list(RowBatches(RowData((X,), np.arange(6)), 4, "cpu"))
    assert [len(targets) for _, targets in batches] == [4, 2]
    assert all(inputs[0].dtype == torch.float32 for inputs, _ in batches)
    np.testing.assert_array_equal(torch.cat([inputs[0] for inputs, _ in batches]).numpy(), X)


def test_small_blocks_give_the_same_batches(monkeypatch, rng):
    X, y = rng.normal(size=(37, 3)).astype(np.float32), np.arange(37)
    whole = [t.tolist() for _, t in RowBatches(RowData((X,), y), 4, "cpu", np.random.RandomState(0))]
    monkeypatch.setattr("skzsl.nets.batches._BLOCK_BYTES", 100)
    assert [t.tolist() for _, t in RowBatches(RowData((X,), y), 4, "cpu", np.random.RandomState(0))] == whole


def test_trained_net_survives_pickling(clips):
    X, y, vectors = clips
    net = make_net(vectors, random_state=0).train((X,), y, epochs=2)
    copy = pickle.loads(pickle.dumps(net)).set_params(fixed_inputs=net.fixed_inputs)
    torch.testing.assert_close(copy.forward((X,)), net.forward((X,)))
    copy.train((X,), y, epochs=1)
    assert len(copy.epochs_since(0)) == 3


def test_unknown_devices_and_optimizers_are_named():
    with pytest.raises(ValueError, match=r"device='gpu'.*'auto'"):
        resolve_device("gpu")
    with pytest.raises(ValueError, match="cuda:99"):
        resolve_device("cuda:99")
    with pytest.raises(ValueError, match=r"'Adamm' is not in torch\.optim"):
        resolve_optimizer("Adamm", 0.0)
    with pytest.raises(ValueError, match="no weight decay"):
        resolve_optimizer("LBFGS", 0.1)


def test_optimizers_that_need_a_closure_work(clips):
    first = weights_after(clips, optimizer=torch.optim.LBFGS, epochs=1)
    assert np.abs(first).max() > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_reaches_the_weights_of_the_cpu(clips):
    X, y, vectors = clips
    net = make_net(vectors, device="cuda", random_state=0).train((X,), y, epochs=3)
    on_gpu = net.module_.weight.detach().cpu().numpy()
    np.testing.assert_allclose(on_gpu, weights_after(clips, random_state=0), rtol=1e-3, atol=1e-4)

from functools import partial

import pytest
import torch

from skzsl.nets.settings import resolve_optimizer


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ("Optimizer", "'Optimizer' is not in torch.optim"),
        (dict, "<class 'dict'> takes no lr; pass a class such as torch.optim.AdamW"),
        (print, "takes no lr"),
        (lambda weights: torch.optim.SGD(weights), "takes no lr"),
        (partial(torch.optim.SGD, lr=1.0), "fixes lr"),
    ],
    ids=["base class", "builtin without a signature", "builtin", "function", "fixed rate"],
)
def test_what_is_no_optimiser_is_refused(optimizer, message):
    with pytest.raises(ValueError, match=message):
        resolve_optimizer(optimizer, 0.0)


@pytest.mark.parametrize("optimizer", ["SGD", torch.optim.SGD, partial(torch.optim.SGD, momentum=0.9)])
def test_names_classes_and_partials_are_optimisers(optimizer):
    assert resolve_optimizer(optimizer, 0.5)["optimizer__weight_decay"] == 0.5


def test_a_function_may_make_the_optimiser():
    def make(weights, **settings):
        return torch.optim.SGD(weights, **settings)

    assert resolve_optimizer(make, 0.0) == {"optimizer": make}

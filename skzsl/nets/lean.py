"""Epochs for which no callback acts on batches, without what skorch does around each of them."""

from __future__ import annotations

import numpy as np
import torch

from .layers import widened


def run_lean_epoch(net, batches, training) -> float:
    """Train or validate on batches, and give the mean loss over clips.

    Losses and sizes of batches of a training epoch are attributes of the net, for checkpoints.
    """
    net._set_training(training)
    step = _make_step(net) if training else lambda inputs, targets: net.criterion_(net.infer(inputs), targets)
    # A tensor kept from every batch would split the heap, and memory would grow from batch to batch.
    on_cpu = torch.device(net.device).type == "cpu"
    losses, sizes = (net._losses, net._sizes) if training else ([], [])
    with torch.set_grad_enabled(training):
        for inputs, targets in batches:
            loss = step(inputs, targets)
            losses.append(loss.item() if on_cpu else loss.detach())
            sizes.append(len(targets))
    mean = float(np.average(losses if on_cpu else torch.stack(losses).cpu().numpy(), weights=sizes))
    mean = net.of_all_processes(mean, training)
    if training:
        net._losses, net._sizes = [], []
    return mean


def _make_step(net):
    processes = net.processes()
    module = net.module_ if processes is None else processes.module_
    criterion, optimizer = net.criterion_, net.optimizer_
    parameters, fixed = list(module.parameters()), net._fixed_tensors()

    def gradient(inputs, targets):
        for parameter in parameters:
            parameter.grad = None
        weight = 1.0
        if processes is not None:
            rows, weight = processes.share(targets)
            inputs, targets = [values[rows] for values in inputs], targets[rows]
        loss = criterion(widened(module(*inputs, *fixed)), targets)
        loss = loss if processes is None else weight * loss  # 1 would be harmless, but a node of the graph
        loss.backward()
        return loss

    def step(inputs, targets):
        loss = gradient(inputs, targets)
        optimizer.step()
        return loss

    if isinstance(optimizer, torch.optim.LBFGS):
        return lambda inputs, targets: optimizer.step(lambda: gradient(inputs, targets))
    return step

"""Many processes as one: who we are, and sums over all of us. One process needs none of it.

Gradients are averaged here and not by DistributedDataParallel: with gradients from
`torch.autograd.grad` its hooks never run, and it would silently reduce nothing.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed
from torch import Tensor

from .errors import ConfigError
from .machine import num_launched_processes
from .rendezvous import join_rendezvous

dist: Any = torch.distributed  # its functions are wrapped in a way that hides their types


@dataclass(frozen=True)
class World:
    """This process among those that share the run."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0


def world() -> World:
    """The process group that was joined, or a world of one."""
    if not (dist.is_available() and dist.is_initialized()):
        return World()
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    return World(dist.get_rank(), dist.get_world_size(), local_rank)


def join_from_environment(device_type: str) -> World:
    """Joins the processes that torchrun started; without torchrun, stays alone.

    Args:
        device_type: `cpu` talks over gloo, `cuda` over NCCL.
    """
    if num_launched_processes() > 1 and not dist.is_initialized():
        store, rank, size = next(dist.rendezvous("env://"))
        dist.init_process_group(
            "nccl" if device_type == "cuda" else "gloo",
            store=join_rendezvous(store, rank, size),
            rank=rank,
            world_size=size,
        )
    return world()


def leave() -> None:
    """Leaves the process group, if one was joined.

    What is left of it is freed at once: its threads must end while the interpreter still runs.
    """
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
        gc.collect()


def share_of(batch_size: int, size: int) -> int:
    """How many samples of a global batch one process holds.

    Raises:
        ConfigError: the batch does not divide evenly.
    """
    if batch_size % size:
        raise ConfigError(
            f"train.batch_size {batch_size} does not divide over {size} processes; "
            f"choose a multiple of {size}."
        )
    return batch_size // size


def average_(tensors: Sequence[Tensor]) -> None:
    """Replaces each tensor by its mean over all processes, in one flattened all-reduce."""
    size = world().size
    if size == 1 or not tensors:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    dist.all_reduce(flat)
    flat.div_(size)
    offset = 0
    for tensor in tensors:
        tensor.copy_(flat[offset : offset + tensor.numel()].view_as(tensor))
        offset += tensor.numel()


def any_rank(flag: bool, device: torch.device) -> bool:
    """Whether the flag is set on any process, so that all stop at the same step."""
    if world().size == 1:
        return flag
    shared = torch.tensor(int(flag), device=device)
    dist.all_reduce(shared, op=dist.ReduceOp.MAX)
    return bool(shared.item())


def wait() -> None:
    """Waits until every process is here."""
    if world().size > 1:
        dist.barrier()


def global_mean(tensor: Tensor) -> Tensor:
    """The mean over processes, with its gradient: what losses over the global batch are made of."""
    if world().size == 1:
        return tensor
    return _GlobalMean.apply(tensor)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType, reportReturnType]


class _GlobalMean(torch.autograd.Function):
    """Forward: mean over ranks. Backward: the same, since each rank's loss reads the mean.

    Backward is an application of its own, so that a penalty on gradients can go through it again.
    """

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return mean_over_ranks(tensor)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        return global_mean(grad_outputs[0])


def all_rows(tensor: Tensor) -> Tensor:
    """The rows of every process, in the order of ranks, with their gradients: the global batch."""
    if world().size == 1:
        return tensor
    return _AllRows.apply(tensor)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType, reportReturnType]


class _AllRows(torch.autograd.Function):
    """Forward: rows of all ranks. Backward: the sum of what all ranks' losses say of ours."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        parts = [torch.empty_like(tensor) for _ in range(world().size)]
        dist.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        total = grad_outputs[0].contiguous().clone()
        dist.all_reduce(total)
        return total.chunk(world().size)[world().rank]


def mean_over_ranks(tensor: Tensor) -> Tensor:
    """The mean over processes, without a gradient."""
    if world().size == 1:
        return tensor
    total = tensor.clone()
    dist.all_reduce(total)
    return total.div_(world().size)

"""Collective operations of a run that several processes share; with one process they do nothing.

Gradients are averaged here and not by DistributedDataParallel, whose hooks fire on `backward()`:
with gradients from `torch.autograd.grad` they never run, and nothing would be reduced.
"""

from __future__ import annotations

import gc
import os
import time
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed
from torch import Tensor
from torch.distributed import PrefixStore, Store  # pyright: ignore[reportPrivateImportUsage]

from .errors import AmbiganError, ConfigError
from .machine import num_launched_processes

dist: Any = torch.distributed  # the wrappers around its functions hide their types

_LONGEST = timedelta(minutes=30)  # torch's own timeout for a process group
_WHILE_MAIN_SCORES = timedelta(days=30)  # a process that dies is noticed at once all the same
_PAUSE = 0.05  # seconds
_MESSAGE_BYTES = 1 << 26

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """The position of this process among those that share the run.

    Attributes:
        rank: Number of this process, from 0 to `size` - 1.
        size: Number of processes.
        local_rank: Number of this process among those on its machine, which selects its GPU.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0


_workers = World()


def world() -> World:
    """Returns this process's position among those that train together, or a world of one."""
    if _workers.size > 1 or not (dist.is_available() and dist.is_initialized()):
        return World()
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    return World(dist.get_rank(), dist.get_world_size(), local_rank)


def join_from_environment(device_type: str, longest: timedelta = _LONGEST) -> World:
    """Joins the processes that torchrun started, by NCCL on `cuda`, else by gloo.

    Args:
        device_type: Type of the devices on which they compute.
        longest: Time after which one that waits for another gives up.
    """
    if num_launched_processes() > 1 and not dist.is_initialized():
        store, rank, size = next(dist.rendezvous("env://"))
        dist.init_process_group(
            "nccl" if device_type == "cuda" else "gloo",
            store=join_rendezvous(store, rank, size),
            rank=rank,
            world_size=size,
            timeout=longest,
        )
    return world()


def join_rendezvous(store: Store, rank: int, size: int, longest: timedelta = _LONGEST) -> Store:
    """Waits for all processes of this start and returns a store that they alone use.

    torchrun keeps one store over all restarts of its workers and does not separate them: processes
    that were restarted find the addresses of processes that have died. Seen with torch 2.13.

    Rank 0 chooses the key prefix. Every other rank announces a name that was never used before and
    receives the prefix under that name. A message of a dead process is answered under a name that
    nobody reads any more, so it does no harm.

    Raises:
        RuntimeError: One of the processes, or rank 0, did not arrive within the `longest` time.
    """
    # A random prefix keeps the keys of this start apart from those of all earlier ones.
    if rank == 0:
        place = uuid.uuid4().hex
        _welcome(store, place, set(range(1, size)), time.monotonic() + longest.total_seconds())
    else:
        name = uuid.uuid4().hex
        store.set(f"name/{rank}", name)
        store.wait([f"place/{name}"], longest)
        place = store.get(f"place/{name}").decode()
        store.set(f"here/{place}/{rank}", "")
    return PrefixStore(place, store)


def _welcome(store: Store, place: str, missing: set[int], until: float) -> None:
    """Sends the prefix to every announced name until all ranks have confirmed it."""
    while missing:
        if time.monotonic() > until:
            raise RuntimeError(f"timeout: no word from ranks {sorted(missing)}.")
        # A rank's key may still hold the name of its dead predecessor. It is answered, and again
        # when the living one overwrites it; only a confirmation under this start's prefix counts.
        for rank in sorted(missing):
            if store.check([f"name/{rank}"]):
                store.set(f"place/{store.get(f'name/{rank}').decode()}", place)
            if store.check([f"here/{place}/{rank}"]):
                missing.remove(rank)
        time.sleep(_PAUSE)


def leave() -> None:
    """Leaves the process group, if one was joined, and frees it.

    It is freed at once because its threads must end while the interpreter still runs.
    """
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
        gc.collect()


def share_of(batch_size: int, size: int) -> int:
    """Returns how many examples of a global batch each of `size` processes holds.

    Raises:
        ConfigError: The batch does not divide evenly.
    """
    if batch_size % size:
        raise ConfigError(
            f"train.batch_size {batch_size} does not divide over {size} processes; "
            f"choose a multiple of {size}."
        )
    return batch_size // size


def average_(tensors: Sequence[Tensor]) -> None:
    """Replaces each tensor by its mean over all processes, in one flattened all-reduce.

    The tensors have one dtype and device. Every process passes the same shapes in the same order.
    """
    size = world().size
    if size == 1 or not tensors:
        return
    # One message for all gradients: latency dominates for the many small tensors of a network, and
    # ranks that reduce in the same order cannot deadlock.
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    dist.all_reduce(flat)
    sizes = [tensor.numel() for tensor in tensors]
    for tensor, mean in zip(tensors, torch.split(flat.div_(size), sizes), strict=True):
        tensor.copy_(mean.view_as(tensor))


def any_rank(flag: bool, device: torch.device) -> bool:
    """Returns whether the flag is set on any process, so that all of them stop at the same step."""
    if world().size == 1:
        return flag
    shared = torch.tensor(int(flag), device=device)
    dist.all_reduce(shared, op=dist.ReduceOp.MAX)
    return bool(shared.item())


def wait() -> None:
    """Blocks until every process has reached this call."""
    if world().size > 1:
        dist.barrier()


def global_mean(tensor: Tensor) -> Tensor:
    """Averages a tensor over processes, with a gradient, for losses over the global batch."""
    if world().size == 1:
        return tensor
    return _GlobalMean.apply(tensor)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType, reportReturnType]


class _GlobalMean(torch.autograd.Function):
    """Averages over ranks in the forward pass and in the backward pass.

    Every rank's loss L_r reads the mean m = (1/R) sum_r x_r. The engine minimises the mean of the
    L_r, and since it averages parameter gradients later, the gradient it needs for x_r is sum_s
    dL_s/dm / R: again the mean over ranks. Backward calls `global_mean` itself, so that a penalty
    on gradients can differentiate it again.
    """

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return mean_over_ranks(tensor)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        return global_mean(grad_outputs[0])


def all_rows(tensor: Tensor) -> Tensor:
    """Returns the rows of all processes in the order of ranks, with gradients: the global batch."""
    if world().size == 1:
        return tensor
    return _AllRows.apply(tensor)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType, reportReturnType]


class _AllRows(torch.autograd.Function):
    """Gathers the rows of all ranks; backward sums the gradients that all ranks have for them."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        parts = [torch.empty_like(tensor) for _ in range(world().size)]
        # all_gather needs contiguous memory, which a slice or transpose is not.
        dist.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        total = grad_outputs[0].contiguous().clone()
        dist.all_reduce(total)
        # grad_outputs holds this rank's gradient of the whole global batch. The sum over ranks is
        # the gradient of the sum of their losses, of which the chunk with this rank's rows belongs
        # here.
        return total.chunk(world().size)[world().rank]


def mean_over_ranks(tensor: Tensor) -> Tensor:
    """Averages a tensor over processes, without a gradient."""
    if world().size == 1:
        return tensor
    total = tensor.clone()
    dist.all_reduce(total)
    return total.div_(world().size)


@contextmanager
def shared_work() -> Generator[None]:
    """Joins the processes that torchrun started, which then share the examples of one measurement.

    Meanwhile `workers` says which of them this is. `world` stays a world of one, so that networks
    compute in each process exactly what they compute where there is one.
    """
    global _workers
    if num_launched_processes() == 1:
        yield
        return
    _workers = join_from_environment("cpu", _WHILE_MAIN_SCORES)
    try:
        yield
        dist.barrier()  # the main one may host the store that the others still need
    finally:
        _workers = World()
        leave()


def workers() -> World:
    """Returns this process's position among those of `shared_work`, or a world of one."""
    return _workers


def own_rows(length: int, chunk: int, rank: int | None = None) -> range:
    """Returns the rows that a worker computes, a contiguous share of whole chunks.

    Chunks are those of one process, so that no value depends on the number of processes.

    Args:
        length: Number of rows.
        chunk: Number of rows that are computed at a time.
        rank: Number of the worker; None for this one.
    """
    rank = _workers.rank if rank is None else rank
    num_chunks = -(-length // chunk)
    first, last = (-(-place * num_chunks // _workers.size) for place in (rank, rank + 1))
    return range(min(length, first * chunk), min(length, last * chunk))


def gather_rows(own: Tensor, length: int, chunk: int) -> Tensor:
    """Returns the rows of all workers in their order on the main one, and none on others.

    Args:
        own: Rows that this worker computed, those of `own_rows`, on the CPU.
        length: Number of all rows.
        chunk: As for `own_rows`.
    """
    if _workers.size == 1:
        return own
    per_message = max(1, _MESSAGE_BYTES // max(1, own[:1].nbytes))
    if not _workers.is_main:
        for block in torch.split(own.contiguous(), per_message) if len(own) else ():
            dist.send(block, 0)
        return own[:0]
    whole = own.new_empty(length, *own.shape[1:])
    whole[: len(own)] = own
    for rank in range(1, _workers.size):
        rows = own_rows(length, chunk, rank)
        theirs = whole[rows.start : rows.stop]
        for block in torch.split(theirs, per_message) if len(theirs) else ():
            dist.recv(block, rank)
    return whole


def by_main(function: Callable[[], T]) -> T:
    """Returns on all workers what the main one computes; an error of its own ends all of them."""
    if _workers.size == 1:
        return function()
    sent: list[Any] = [None, None]
    if _workers.is_main:
        try:
            sent[0] = function()
        except AmbiganError as error:
            sent[1] = error
    dist.broadcast_object_list(sent, 0)
    if sent[1] is not None:
        raise sent[1]
    return sent[0]


def from_workers(value: T) -> list[T]:
    """Returns the value that each worker passes, in the order of their numbers."""
    found: list[Any] = [value] * _workers.size
    if _workers.size > 1:
        dist.all_gather_object(found, value)
    return found


@contextmanager
def main_first() -> Generator[bool]:
    """Lets the main process do first what the others then find done, such as a download.

    Yields whether this is the main one.
    """
    here = _workers if _workers.size > 1 else world()
    if not here.is_main:
        dist.barrier()
    yield here.is_main
    if here.is_main and here.size > 1:
        dist.barrier()

"""Small programs that use the CPU alone; prints what each gives.

tests/test_unasked.py runs this with the package loaded and without, which must make no difference.
"""

import copy
import io
import pickle
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

warnings.simplefilter("ignore")


def random_numbers() -> Any:
    torch.manual_seed(3)
    with torch.random.fork_rng():
        torch.rand(3)
    return torch.rand(2), torch.rand(2, generator=torch.Generator()), torch.initial_seed()


def defaults() -> Any:
    device = torch.get_default_device(), torch.empty(1).device, torch.UntypedStorage(1).device
    cast = torch.is_autocast_enabled(), torch.get_autocast_dtype("cpu"), torch.get_num_threads()
    return device, cast, torch.get_float32_matmul_precision(), torch.ones(1).is_pinned()


def autocast() -> Any:
    results = []
    for device in ("cpu", "cuda"):
        with torch.autocast(device):
            results.append((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
    return results, torch.amp.GradScaler().is_enabled()


def saved_and_loaded() -> Any:
    buffer = io.BytesIO()
    torch.save(nn.Linear(2, 2).state_dict(), buffer)
    size = buffer.tell()
    buffer.seek(0)
    return size, torch.load(buffer)["weight"].device, len(pickle.dumps(torch.ones(3)))


def checkpointed() -> Any:
    torch.manual_seed(0)
    x = torch.ones(5, requires_grad=True)
    for reentrant in (True, False):
        checkpoint(lambda a: F.dropout(a * 2), x, use_reentrant=reentrant).sum().backward()
    return x.grad


def compiled() -> Any:
    x = torch.ones(2, requires_grad=True)
    torch.compile(lambda a: (a * 2).sum(), backend="eager")(x).backward()
    return x.grad


def encoded() -> Any:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2).eval()
    padding = torch.tensor([[False, False, False], [False, True, True]])
    with torch.no_grad():
        return encoder(torch.randn(2, 3, 8), src_key_padding_mask=padding)


def nested_attention() -> Any:
    leaves = [torch.ones(length, 2, 8, requires_grad=True) for length in (2, 3)]
    heads = torch.nested.as_nested_tensor(leaves).transpose(1, 2).contiguous()
    F.scaled_dot_product_attention(heads, heads, heads * 2).to_padded_tensor(0).sum().backward()
    return [leaf.grad for leaf in leaves]


def quantized() -> Any:
    torch.manual_seed(0)
    module = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4)), {nn.Linear})
    return module(torch.ones(1, 4)), torch.backends.quantized.engine


def profiled() -> Any:
    with torch.profiler.profile() as profile:
        torch.ones(2).add(1)
    return sorted(event.key for event in profile.key_averages())


def batches() -> Any:
    samples = TensorDataset(torch.arange(4.0))
    return [list(DataLoader(samples, 2, num_workers=workers)) for workers in (0, 2)]


def sent() -> Any:
    queue = mp.Queue()
    queue.put(nn.Parameter(torch.ones(2)))
    return queue.get(timeout=60)


def forked() -> Any:
    queue = mp.get_context("fork").SimpleQueue()
    process = mp.get_context("fork").Process(target=lambda: queue.put(float(torch.ones(3).sum())))
    process.start()
    return queue.get(), process.join(), process.exitcode


def data_parallel() -> Any:
    torch.manual_seed(0)
    module = nn.DataParallel(nn.Sequential(nn.Linear(2, 2), nn.DataParallel(nn.Linear(2, 2))))
    results = [module(torch.ones(3, 2)), copy.deepcopy(module).to("cpu")(torch.ones(3, 2))]
    return results, list(module.state_dict()), [p.device for p in module.parameters()]


def process_group(backend: str | None = None) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        dist.init_process_group(backend, init_method=f"file://{folder}/f", rank=0, world_size=1)
        torch.manual_seed(0)
        module = nn.parallel.DistributedDataParallel(nn.Linear(2, 2))
        module(torch.ones(1, 2)).sum().backward()
        numbers, objects = torch.ones(2), [None]
        dist.all_reduce(numbers)
        dist.all_gather_object(objects, "an object")
        dist.barrier()
        results = dist.get_backend(), numbers, objects, module.module.weight.grad
        dist.destroy_process_group()
        return results


def process_group_of_gloo() -> Any:
    return process_group("gloo")


PROGRAMS: dict[str, Callable[[], Any]] = {
    program.__name__: program
    for program in (
        random_numbers,
        defaults,
        autocast,
        saved_and_loaded,
        checkpointed,
        compiled,
        encoded,
        nested_attention,
        quantized,
        profiled,
        batches,
        sent,
        forked,
        data_parallel,
        process_group,
        process_group_of_gloo,
    )
}

if __name__ == "__main__":
    for name, program in PROGRAMS.items():
        try:
            result = repr(program())
        except Exception as error:
            result = repr(error)
        print(name, result.replace("\n", " "), sep="\t", flush=True)

"""A process forked after the device was used refuses to use it, and otherwise works."""

from processes import run

REFUSED = "Cannot re-initialize XPU in forked subprocess"

USES = [
    "torch.empty(3, device='xpu')",
    "x.cpu()",
    "torch.xpu.init()",
    "torch.xpu.synchronize()",
    "torch.xpu.Stream()",
    "torch.xpu.set_device(0)",
    "torch.accelerator.synchronize()",
    "torch.empty(3, pin_memory=True)",
]


def test_use_in_child_is_refused() -> None:
    out = run(f"""
        import os, sys, torch
        x = torch.arange(3).to("xpu")
        pid = os.fork()
        if pid == 0:
            failures = []
            for use in {USES!r}:
                try:
                    exec(use)
                    failures.append(use)
                except RuntimeError as error:
                    if {REFUSED!r} not in str(error):
                        failures.append(str(error))
            print(failures)
            sys.exit(5)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        print(x.cpu().tolist())
    """)
    assert out.splitlines() == ["[]", "5", "[0, 1, 2]"]


def test_child_may_count_devices_and_drop_tensors() -> None:
    out = run("""
        import os, sys, torch
        x = torch.arange(3).to("xpu")
        pinned = torch.empty(10, pin_memory=True)
        pid = os.fork()
        if pid == 0:
            del x, pinned
            print(torch.xpu.device_count() > 0, torch.xpu._is_in_bad_fork())
            sys.exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """)
    assert out.splitlines() == ["True True", "0"]


def test_fork_before_use_is_fine() -> None:
    out = run("""
        import os, sys, torch
        pid = os.fork()
        if pid == 0:
            print(torch.arange(3).to("xpu").cpu().tolist())
            sys.exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        print(torch.arange(4).to("xpu").cpu().tolist())
    """)
    assert out.splitlines() == ["[0, 1, 2]", "0", "[0, 1, 2, 3]"]


def test_loader_workers() -> None:
    out = run("""
        import torch
        from torch.utils.data import DataLoader, TensorDataset
        x = torch.ones(1).to("xpu")
        data = TensorDataset(torch.arange(8.0))
        loader = DataLoader(data, batch_size=4, num_workers=2, pin_memory=True)
        for (batch,) in loader:
            print(batch.is_pinned(), batch.to("xpu", non_blocking=True).cpu().tolist())
    """)
    assert out.splitlines() == ["True [0.0, 1.0, 2.0, 3.0]", "True [4.0, 5.0, 6.0, 7.0]"]

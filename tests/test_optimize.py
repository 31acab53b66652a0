"""ipex.optimize, on the CPU and on xpu."""

import copy
import io
import logging

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import intel_extension_for_pytorch as ipex


@pytest.fixture(params=["cpu", "xpu"])
def device(request):
    torch.manual_seed(0)
    return request.param


class Network(nn.Module):
    """Convolution, batch norm, dropout, linear: what ipex.optimize touches, and a plain norm."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, bias=False)
        self.conv_norm = nn.BatchNorm2d(8)
        self.dropout = nn.Dropout(0.5)
        self.norm = nn.LayerNorm(8)
        self.linear = nn.Linear(8, 4)
        self.linear_norm = nn.BatchNorm1d(4)

    def forward(self, images):
        features = F.relu(self.conv_norm(self.conv(images))).mean((2, 3))
        return self.linear_norm(self.linear(self.dropout(self.norm(features))))


IMAGES = (3, 8, 8)
CAST = {"conv.weight", "linear.weight", "linear.bias"}


def randomized(model, device, shape):
    """`model` in evaluation mode with statistics and affine parameters that are not the default."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(16, *shape))
    return model.to(device).eval()


# --- inference ------------------------------------------------------------------------------------

FOLDABLE = {
    "conv1d": (lambda: nn.Sequential(nn.Conv1d(3, 6, 3), nn.BatchNorm1d(6)), (3, 9)),
    "conv2d": (lambda: nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)), (3, 9, 9)),
    "conv3d": (lambda: nn.Sequential(nn.Conv3d(3, 6, 3), nn.BatchNorm3d(6)), (3, 5, 5, 5)),
    "no bias": (lambda: nn.Sequential(nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6)), IMAGES),
    "groups": (lambda: nn.Sequential(nn.Conv2d(4, 8, 3, groups=4), nn.BatchNorm2d(8)), (4, 8, 8)),
    "linear": (lambda: nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7)), (5,)),
    "network": (Network, IMAGES),
}


@pytest.mark.parametrize("name", FOLDABLE)
def test_folding_keeps_the_result(name, device):
    make, shape = FOLDABLE[name]
    model = randomized(make(), device, shape)
    inputs = torch.randn(4, *shape, device=device)
    expected = model(inputs)
    folded = ipex.optimize(model, inplace=True)
    assert not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in folded.modules())
    torch.testing.assert_close(folded(inputs), expected, rtol=1e-4, atol=1e-4)


class TwoUsers(nn.Sequential):
    def forward(self, x):
        y = self[0](x)
        return self[1](y) + y


class UsedTwice(nn.Sequential):
    def forward(self, x):
        return self[1](self[0](x)) + self[0](x)


class ReadsWeight(nn.Sequential):
    def forward(self, x):
        return self[1](self[0](x)) * self[0].weight.sum()


class Branches(nn.Sequential):
    def forward(self, x):
        if x.sum() > 0:
            x = x + 1
        return self[1](self[0](x))


def pair(kind=nn.Sequential, **norm_options):
    return kind(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6, **norm_options))


def with_hook():
    model = pair()
    model[0].register_forward_hook(lambda module, inputs, output: output * 2)
    return model


def with_hook_between():
    model = nn.Sequential(nn.Sequential(nn.Conv2d(3, 6, 3)), nn.BatchNorm2d(6))
    model[0].register_forward_hook(lambda module, inputs, output: output * 2)
    return model


def with_degenerate_statistics():
    model = pair(affine=False)
    model[1].running_var.fill_(-1)
    return model


NOT_FOLDABLE = {
    "two users": (lambda: pair(TwoUsers), "used elsewhere"),
    "used twice": (lambda: pair(UsedTwice), "more than once"),
    "weight read": (lambda: pair(ReadsWeight), "reads their parameters"),
    "no statistics": (lambda: pair(track_running_stats=False), "no running statistics"),
    "hook": (with_hook, "a hook watches"),
    "hook between": (with_hook_between, "a hook watches"),
    "not finite": (with_degenerate_statistics, "not be finite"),
    "not traceable": (lambda: pair(Branches), "torch.fx cannot trace Branches (TraceError"),
}


@pytest.mark.parametrize("name", NOT_FOLDABLE)
def test_what_cannot_be_folded_is_kept_and_reported(name, device, caplog):
    make, reason = NOT_FOLDABLE[name]
    model = make().to(device).eval()
    inputs = torch.randn(2, *IMAGES, device=device)
    expected = model(inputs)
    with caplog.at_level(logging.INFO, "intel_extension_for_pytorch"):
        optimized = ipex.optimize(model)
    assert reason in caplog.text
    assert isinstance(optimized[1], nn.BatchNorm2d)
    torch.testing.assert_close(optimized(inputs), expected, equal_nan=True, rtol=0, atol=0)


def test_a_training_batch_norm_is_kept(device):
    model = pair().to(device).eval()
    model[1].train()
    assert isinstance(ipex.optimize(model)[1], nn.BatchNorm2d)


def test_folded_linear_refuses_what_it_would_compute_wrongly(device):
    model = randomized(nn.Sequential(nn.Linear(5, 5), nn.BatchNorm1d(5)), device, (5,))
    folded = ipex.optimize(model)
    with pytest.raises(RuntimeError, match="linear_bn_folding=False"):
        folded(torch.randn(2, 5, 5, device=device))


def test_class_attributes_and_hooks_stay(device):
    model = randomized(Network(), device, IMAGES)
    model.label = "mine"
    seen = []
    model.register_forward_hook(lambda module, inputs, output: seen.append(type(output)))
    optimized = ipex.optimize(model, dtype=torch.bfloat16)
    assert type(optimized) is Network and optimized.label == "mine"
    assert seen == []  # tracing does not run the hooks
    with torch.autocast(device, dtype=torch.bfloat16):
        optimized(torch.randn(2, *IMAGES, device=device))
    assert seen == [torch.Tensor]


def test_dropout_becomes_an_identity_that_has_its_attributes(device):
    model = nn.Sequential(nn.Dropout(0.3), nn.Linear(2, 2)).to(device).eval()
    optimized = ipex.optimize(model)
    assert isinstance(optimized[0], nn.Identity) and optimized[0].p == 0.3
    assert isinstance(ipex.optimize(copy.deepcopy(model), level="O0")[0], nn.Identity) == (
        device == "xpu"  # changed in place above
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_inference_cast(dtype, device):
    model = randomized(Network(), device, IMAGES)
    images = torch.randn(4, *IMAGES, device=device)
    expected = model(images)
    optimized = ipex.optimize(model, dtype=dtype)
    assert optimized.conv.weight.dtype == optimized.linear.weight.dtype == dtype
    assert optimized.norm.weight.dtype == torch.float32
    assert {value.dtype for value in optimized.state_dict().values()} == {torch.float32}
    with torch.autocast(device, dtype=dtype):
        actual = optimized(images)
    torch.testing.assert_close(actual.float(), expected.float(), rtol=5e-2, atol=5e-2)


def test_inference_cast_leaves_shared_and_computed_weights(device):
    class Scale(nn.Module):
        def __init__(self, weight):
            super().__init__()
            self.weight = weight

        def forward(self, x):
            return x * self.weight.sum()

    plain, tied = nn.Linear(3, 3), nn.Linear(3, 3)
    model = nn.Sequential(
        plain,
        tied,
        nn.Linear(3, 3),
        Scale(tied.weight),
        nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)),
    ).to(device)
    model[2].weight = plain.weight
    optimized = ipex.optimize(model.eval(), dtype=torch.bfloat16)
    assert optimized[0].weight.dtype == torch.bfloat16
    assert optimized[0].weight is optimized[2].weight
    assert optimized[1].weight.dtype == torch.float32
    assert optimized[4].bias.dtype == torch.float32
    with torch.autocast(device, dtype=torch.bfloat16):
        assert torch.isfinite(optimized(torch.ones(1, 3, device=device))).all()


def test_overflow_in_float16_is_reported(device, caplog):
    model = nn.Linear(2, 2).to(device).eval()
    nn.init.constant_(model.weight, 1e6)
    ipex.optimize(model, dtype=torch.float16)
    assert "1 parameter overflowed in torch.float16" in caplog.text


@pytest.mark.parametrize(
    "conv,format",
    [(nn.Conv2d, torch.channels_last), (nn.ConvTranspose3d, torch.channels_last_3d)],
)
def test_channels_last(conv, format, device):
    try:
        for switch, expected in (
            (ipex.disable_auto_channels_last, False),
            (ipex.enable_auto_channels_last, True),
        ):
            switch()
            model = ipex.optimize(conv(4, 6, 3).to(device).eval(), dtype=torch.bfloat16)
            assert model.weight.is_contiguous(memory_format=format) == expected
    finally:
        ipex.nn.layout._auto_channels_last = None


# --- training -------------------------------------------------------------------------------------

OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    "momentum": lambda parameters: torch.optim.SGD(
        parameters, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True
    ),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01, amsgrad=True),
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=0.01),
    "adagrad": lambda parameters: torch.optim.Adagrad(parameters, lr=0.05),
    "rmsprop": lambda parameters: torch.optim.RMSprop(parameters, lr=0.01),
}


class Training:
    """A model, its optimizer, and the same data on every run."""

    def __init__(self, device, optimizer="momentum"):
        torch.manual_seed(0)
        self.model = Network().to(device)
        self.model.dropout.p = 0.0
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())
        self.images = torch.randn(16, *IMAGES).to(device)
        self.labels = torch.randint(4, (16,)).to(device)

    def optimized(self, **options):
        self.model, self.optimizer = ipex.optimize(
            self.model, dtype=torch.bfloat16, optimizer=self.optimizer, inplace=True, **options
        )
        return self

    def loss(self):
        with torch.autocast(self.images.device.type, dtype=torch.bfloat16):
            scores = self.model(self.images)
        return F.cross_entropy(scores.float(), self.labels)

    def steps(self, number):
        losses = []
        for _ in range(number):
            self.optimizer.zero_grad()
            loss = self.loss()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return losses

    def assert_same_weights(self, other, **tolerance):
        torch.testing.assert_close(self.model.state_dict(), other.model.state_dict(), **tolerance)


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_equals_autocast_with_float32_weights(name, split, device):
    expected = Training(device, name)
    actual = Training(device, name).optimized(split_master_weight_for_bf16=split)
    torch.testing.assert_close(actual.steps(8), expected.steps(8), rtol=1e-2, atol=1e-3)
    actual.assert_same_weights(expected, rtol=1e-2, atol=2e-3)


def test_weights_are_bfloat16_and_state_dict_is_float32(device):
    training = Training(device).optimized()
    training.steps(1)
    dtypes = {name: p.dtype for name, p in training.model.named_parameters()}
    assert {name for name, dtype in dtypes.items() if dtype == torch.bfloat16} == CAST
    state = training.model.state_dict()
    assert {v.dtype for v in state.values() if v.is_floating_point()} == {torch.float32}
    # More than bfloat16 holds: the master weights, not the cast weights, are saved.
    assert not torch.equal(state["linear.weight"], state["linear.weight"].bfloat16().float())
    torch.testing.assert_close(
        training.model.linear.weight, state["linear.weight"].bfloat16(), rtol=1e-2, atol=0
    )


def test_split_weights_save_the_memory(device):
    training = Training(device).optimized(split_master_weight_for_bf16=True)
    training.steps(2)
    masters = [p for group in training.optimizer.param_groups for p in group["params"]]
    split = [p for p in masters if getattr(p, "is_split", False)]
    assert len(split) == len(CAST)
    for master in split:
        assert master.dtype == torch.float32 and master.shape == master.working.shape
        assert master.untyped_storage().nbytes() == 4
        assert master._low_bits.element_size() == 2


def test_split_weights_are_exact(device):
    training = Training(device)
    before = copy.deepcopy(training.model.state_dict())
    training.optimized(split_master_weight_for_bf16=True)
    after = training.model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize("split", [False, True])
def test_resume_from_state_dicts(split, device):
    first = Training(device).optimized(split_master_weight_for_bf16=split)
    first.steps(3)
    saved = io.BytesIO()
    torch.save((first.model.state_dict(), first.optimizer.state_dict()), saved)
    expected = first.steps(3)

    second = Training(device)
    nn.init.zeros_(second.model.linear.weight)
    second.optimized(split_master_weight_for_bf16=split)
    saved.seek(0)
    model_state, optimizer_state = torch.load(saved)
    second.model.load_state_dict(model_state)
    second.optimizer.load_state_dict(optimizer_state)
    torch.testing.assert_close(second.model.state_dict(), model_state, rtol=0, atol=0)
    assert second.steps(3) == pytest.approx(expected, rel=1e-6)


def test_state_dict_fits_the_original_model_and_back(device):
    optimized, plain = Training(device).optimized(), Training(device)
    optimized.steps(2)
    plain.model.load_state_dict(optimized.model.state_dict())
    plain.optimizer.load_state_dict(copy.deepcopy(optimized.optimizer.state_dict()))
    assert plain.steps(3) == pytest.approx(optimized.steps(3), rel=1e-2)


def test_optimizer_state_from_before_is_kept(device):
    training, expected = Training(device), Training(device)
    training.steps(3), expected.steps(3)
    training.optimized()
    torch.testing.assert_close(training.steps(3), expected.steps(3), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("made_before", [False, True])
def test_learning_rate_scheduler(made_before, device):
    def schedule(training):
        return torch.optim.lr_scheduler.StepLR(training.optimizer, 1, gamma=0.5)

    training = Training(device)
    scheduler = schedule(training) if made_before else None
    training.optimized()
    scheduler = scheduler or schedule(training)
    before = training.model.state_dict()["linear.weight"].clone()
    for expected in (0.1, 0.05):
        assert training.optimizer.param_groups[0]["lr"] == pytest.approx(expected)
        training.steps(1)
        scheduler.step()
    assert not torch.equal(before, training.model.state_dict()["linear.weight"])


@pytest.mark.parametrize("fuse", [False, True])
@pytest.mark.parametrize("split", [False, True])
def test_gradient_scaler_skips_what_is_not_finite(split, fuse, device):
    training = Training(device).optimized(split_master_weight_for_bf16=split, fuse_update_step=fuse)
    scaler = torch.amp.GradScaler(device, init_scale=4.0)
    before = copy.deepcopy(training.model.state_dict())
    scaler.scale(training.loss()).backward()
    training.model.linear.weight.grad.fill_(float("inf"))
    scaler.step(training.optimizer)
    scaler.update()
    for name in CAST:
        assert torch.equal(before[name], training.model.state_dict()[name])
    assert scaler.get_scale() == 2.0

    expected = Training(device)
    expected.steps(1), expected.optimizer.zero_grad(), training.optimizer.zero_grad()
    training.model.load_state_dict(before)
    scaler.scale(training.loss()).backward()
    scaler.unscale_(training.optimizer)
    scaler.step(training.optimizer)
    training.assert_same_weights(expected, rtol=1e-2, atol=2e-3)


def test_gradients_are_the_same_on_both_sides(device):
    training = Training(device).optimized()
    training.loss().backward()
    weight = training.model.linear.weight
    groups = training.optimizer.param_groups
    master = next(p for g in groups for p in g["params"] if getattr(p, "working", None) is weight)
    assert master.grad is weight.grad
    nn.utils.clip_grad_norm_([p for g in groups for p in g["params"]], 1e-3)
    assert weight.grad.float().norm() <= 1.1e-3
    training.optimizer.zero_grad(set_to_none=False)
    assert weight.grad.abs().sum() == 0
    training.optimizer.zero_grad()
    assert weight.grad is None
    training.model.linear.weight.grad = torch.ones_like(weight)
    training.model.zero_grad()
    assert master.grad is None


@pytest.mark.parametrize("split", [False, True])
def test_deepcopy_of_model_and_optimizer(split, device):
    training = Training(device).optimized(split_master_weight_for_bf16=split)
    training.steps(2)
    copied = copy.deepcopy(training)
    copied.assert_same_weights(training, rtol=0, atol=0)
    expected = training.steps(3)
    assert copied.steps(3) == pytest.approx(expected, rel=1e-6)
    assert isinstance(copied.optimizer, torch.optim.SGD)


def test_pickle_of_model_and_optimizer(device):
    training = Training(device).optimized()
    training.steps(2)
    buffer = io.BytesIO()
    torch.save(training, buffer)
    buffer.seek(0)
    loaded = torch.load(buffer, weights_only=False)
    loaded.assert_same_weights(training, rtol=0, atol=0)
    assert loaded.steps(3) == pytest.approx(training.steps(3), rel=1e-6)


def test_repeated_optimize(device):
    training, expected = Training(device).optimized(), Training(device).optimized()
    training.steps(2), expected.steps(2)
    training.optimized()
    assert training.steps(2) == pytest.approx(expected.steps(2), rel=1e-6)
    # a new optimizer for the same model
    for run in (training, expected):
        run.optimizer = OPTIMIZERS["adamw"](run.model.parameters())
    training.optimized()
    before = training.model.state_dict()["linear.weight"].clone()
    training.steps(2)
    assert not torch.equal(before, training.model.state_dict()["linear.weight"])


def test_inference_after_training(device):
    training = Training(device).optimized()
    training.steps(3)
    model = training.model.eval()
    weights = model.state_dict()["linear.weight"].clone()
    expected = copy.deepcopy(model)
    ipex.optimize(model, dtype=None, inplace=True, conv_bn_folding=False, linear_bn_folding=False)
    assert torch.equal(model.linear.weight, weights)
    model = ipex.optimize(model, dtype=torch.bfloat16)
    with torch.no_grad(), torch.autocast(device, dtype=torch.bfloat16):
        actual, expected = model(training.images), expected(training.images)
    torch.testing.assert_close(actual.float(), expected.float(), rtol=5e-2, atol=5e-2)


def test_closure(device):
    training, expected = Training(device).optimized(), Training(device)

    def run(training):
        def closure():
            training.optimizer.zero_grad()
            loss = training.loss()
            loss.backward()
            return loss

        return [training.optimizer.step(closure).item() for _ in range(4)]

    torch.testing.assert_close(run(training), run(expected), rtol=1e-2, atol=1e-3)


def test_values_written_into_the_model_are_taken_over(device):
    training = Training(device).optimized()
    with torch.no_grad():
        training.model.linear.weight.fill_(0.25)
    assert (training.model.state_dict()["linear.weight"] == 0.25).all()


def test_frozen_and_added_parameters(device):
    training = Training(device)
    frozen = training.model.conv.weight.requires_grad_(False)
    exact = frozen.detach().clone()
    rest = [p for p in training.model.parameters() if p is not frozen]
    training.optimizer = OPTIMIZERS["momentum"](rest)
    training.optimized().steps(2)
    assert training.model.conv.weight.dtype == torch.bfloat16
    assert torch.equal(training.model.state_dict()["conv.weight"], exact)
    training.optimizer.add_param_group({"params": [frozen.requires_grad_(True)]})
    training.steps(2)
    saved = training.model.state_dict()["conv.weight"]
    assert not torch.equal(saved, exact) and not torch.equal(saved, saved.bfloat16().float())


def test_hooks_of_parameters_stay(device):
    training = Training(device)
    seen = []
    training.model.linear.weight.register_hook(lambda gradient: seen.append(gradient.dtype))
    training.optimized().steps(1)
    assert len(seen) == 1


def test_fused_step(device, caplog):
    training = Training(device, "adamw")
    with caplog.at_level(logging.INFO, "intel_extension_for_pytorch"):
        training.optimized()
    kernel = "aten::_fused_adamw_"
    available = torch._C._dispatch_has_kernel_for_dispatch_key(kernel, device.upper())
    assert bool(training.optimizer.param_groups[0]["fused"]) == available
    assert ("fused the step of AdamW" if available else f"{kernel} has no kernel") in caplog.text


def test_fused_step_respects_the_choice_of_the_user(device, caplog):
    model = nn.Linear(2, 2).to(device)
    optimizer = torch.optim.SGD(model.parameters(), foreach=True)
    ipex.optimize(model, optimizer=optimizer)
    assert "foreach=True" in caplog.text and not optimizer.param_groups[0]["fused"]


# --- arguments ------------------------------------------------------------------------------------


def linear_and_optimizer():
    model = nn.Linear(2, 2)
    return model, torch.optim.SGD(model.parameters())


def on_two_devices():
    return nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).to("xpu")).eval()


WRONG = {
    "level": (lambda: ipex.optimize(nn.Linear(2, 2).eval(), level="O2"), "level must be"),
    "dtype": (lambda: ipex.optimize(nn.Linear(2, 2).eval(), dtype=torch.int8), "dtype must be"),
    "no optimizer": (lambda: ipex.optimize(nn.Linear(2, 2)), "no optimizer was given"),
    "float16 training": (
        lambda: ipex.optimize(
            (pair := linear_and_optimizer())[0], optimizer=pair[1], dtype=torch.float16
        ),
        "GradScaler",
    ),
    "optimizer in inference": (
        lambda: ipex.optimize((pair := linear_and_optimizer())[0].eval(), optimizer=pair[1]),
        "in evaluation mode",
    ),
    "two devices": (lambda: ipex.optimize(on_two_devices()), "several devices: cpu, xpu:0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    call, message = WRONG[name]
    with pytest.raises(RuntimeError, match=message):
        call()


def test_returns_what_it_was_given(device):
    model = nn.Linear(2, 2).to(device)
    optimizer = torch.optim.SGD(model.parameters())
    assert isinstance(ipex.optimize(copy.deepcopy(model).eval()), nn.Linear)
    optimized = ipex.optimize(model, optimizer=optimizer, dtype=torch.bfloat16)
    assert isinstance(optimized, tuple) and len(optimized) == 2
    in_place = device == "xpu"
    assert (optimized[0] is model) == in_place and (optimized[1] is optimizer) == in_place
    assert (model.weight.dtype == torch.bfloat16) == in_place


def test_script_module_is_left_alone(device, caplog):
    model = torch.jit.trace(nn.Linear(2, 2).to(device).eval(), torch.ones(1, 2, device=device))
    assert ipex.optimize(model, dtype=torch.bfloat16) is model
    assert "ScriptModule" in caplog.text


def test_switches_without_effect_are_reported(caplog):
    ipex.optimize(nn.Linear(2, 2).eval(), weights_prepack=True, sample_input=torch.ones(1, 2))
    assert "weights_prepack has no effect" in caplog.text
    assert "sample_input has no effect" in caplog.text


def test_verbose_prints_the_report(capsys):
    ipex.optimize(nn.Sequential(nn.Dropout()).eval(), verbose=True)
    assert capsys.readouterr().out == "ipex.optimize: replaced 1 dropout by the identity\n"


def test_alias():
    model = nn.Sequential(nn.Dropout(), nn.Linear(2, 2)).to("xpu").eval()
    assert torch.xpu.optimize(model) is model and isinstance(model[0], nn.Identity)

"""`ipex.llm.optimize`: one call prepares a language model of transformers for fast generation."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from transformers.cache_utils import DynamicCache
from transformers.modeling_outputs import BaseModelOutputWithPast, MoeModelOutputWithPast

from .. import _C
from .._report import Report
from ..quantization.apply import awaits_calibration, quantize_by_config
from .cache import SegmentStore, use_segments
from .decoder import Decoder
from .families import Family, Unsupported, family_of, find, repeats_of
from .prompt import Prompt
from .quantization.checkpoint import load_checkpoint

_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def _is_generative(model: Any) -> bool:
    return isinstance(model, nn.Module) and hasattr(model, "config") and hasattr(model, "generate")


class _Forward:
    """The forward of a base model: a decode step runs as a program and a prompt by fused operators
    where there are such; all else runs as it did before."""

    def __init__(
        self, base: Any, family: Family, decoder: Decoder | None, prompt: Prompt | None
    ) -> None:
        self._base = base
        self._layers = base.config.num_hidden_layers
        with_experts = family.experts is not None
        self._output = MoeModelOutputWithPast if with_experts else BaseModelOutputWithPast
        self._repeats = repeats_of(base.config)
        self._decoder = decoder
        self._prompt = prompt
        self._before = base.forward
        functools.update_wrapper(self, self._before)

    def __call__(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: torch.Tensor | None = None,
        use_cache: bool | None = None,
        **keywords: Any,
    ) -> Any:
        if self._base.training:
            raise RuntimeError(
                "this model was prepared for inference by ipex.llm.optimize and can not be "
                "trained: train the model before, or load another"
            )
        cached = self._base.config.use_cache if use_cache is None else use_cache
        if cached and past_key_values is None:
            past_key_values = DynamicCache(config=self._base.config)
        store = None
        if past_key_values is not None:
            store = use_segments(past_key_values, self._layers, self._repeats)
        given = input_ids if input_ids is not None else inputs_embeds
        if (
            store is not None
            and given is not None
            and self._is_plain(given, attention_mask, position_ids, store, keywords)
        ):
            run: Decoder | Prompt | None = None
            if self._is_step(given, store):
                run = self._decoder
            elif self._base.config._attn_implementation == "sdpa":  # else another is asked for
                run = self._prompt
            if run is not None:
                hidden = run(input_ids, inputs_embeds, attention_mask, position_ids, store)
                return self._output(last_hidden_state=hidden, past_key_values=past_key_values)
        return self._before(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            **keywords,
        )

    def _is_step(self, given: Tensor, store: SegmentStore) -> bool:
        """Whether these tokens are a step for a program."""
        return (
            self._decoder is not None
            and store.length > 0
            and _C.decode_runs_here()
            and given.shape[0] * given.shape[1] <= _C.decode_tokens
        )

    def _is_plain(
        self, given: Tensor, mask: Any, positions: Any, store: Any, keywords: Any
    ) -> bool:
        """Whether nothing is asked for but hidden states after the last layer."""
        config = self._base.config
        asks = ("output_attentions", "output_hidden_states", "output_router_logits")
        return (
            given.numel() > 0
            and (store.length == 0 or given.shape[0] == store.rows)
            and (mask is None or mask.dim() == 2)
            and (positions is None or positions.dim() == 2)
            and not torch.is_grad_enabled()
            and not any(keywords.get(name) or getattr(config, name, False) for name in asks)
            and keywords.get("return_dict") is not False
        )


def optimize(
    model: Any,
    optimizer: Any = None,
    dtype: torch.dtype = torch.float32,
    inplace: bool = False,
    device: Any = "xpu",
    quantization_config: Any = None,
    qconfig_summary_file: str | None = None,
    low_precision_checkpoint: Any = None,
    sample_inputs: Any = None,
    deployment_mode: bool = True,
    cache_weight_for_large_batch: bool = False,
    *,
    strict: bool = False,
    verbose: bool = False,
) -> Any:
    """Prepares a causal language model of transformers for generation on xpu.

    A decode step, the forward pass of up to 8 tokens that follow what the cache holds, becomes one
    launch for all layers. Keys and values are kept in segments that are never copied. The model
    keeps its class and parameters, and `model.generate` is used as before.

    Args:
        model: of transformers, in inference mode (`model.eval()`).
        optimizer: must be None: a model that is trained stays as it is.
        dtype: of the weights: float32, bfloat16 or float16.
        inplace: changes `model` itself instead of a copy.
        device: where the model goes.
        quantization_config: a recipe of `ipex.quantization`: weights of few bits, or SmoothQuant,
            which without `qconfig_summary_file` returns the model to be calibrated with
            `ipex.quantization.prepare`. A BitsAndBytesConfig of transformers means our NF4 or int8.
        qconfig_summary_file: written by `save_qconf_summary` of a calibrated model.
        low_precision_checkpoint: weights that were quantized before; see
            `ipex.llm.quantization.load_checkpoint`. Its settings may be `quantization_config`.
        sample_inputs, deployment_mode, cache_weight_for_large_batch: taken for programs written
            for the original extension; nothing depends on them.
        strict: raises where something of the model could not be replaced.
        verbose: prints what was done.

    Returns:
        The model; it has `llm_report`, a list of sentences on what was done and what was not.

    Raises:
        TypeError: `model` is not a generative model of transformers, or a recipe is none.
        ValueError: `dtype` is another, or a checkpoint does not fit.
        NotImplementedError: something asked for is not there; `strict` and something is left.
    """
    del sample_inputs, deployment_mode, cache_weight_for_large_batch
    if not _is_generative(model):
        raise TypeError(
            "ipex.llm.optimize: expected a generative model of transformers, got "
            f"{type(model).__name__}"
        )
    if optimizer is not None or model.training:
        raise RuntimeError(
            "ipex.llm.optimize: expected a model in inference mode without an optimizer: "
            "call model.eval()"
        )
    if dtype not in _DTYPES:
        raise ValueError(f"ipex.llm.optimize: dtype must be one of {_DTYPES}, got {dtype}")
    if not inplace:
        model = copy.deepcopy(model)
    quantized = []
    if low_precision_checkpoint is not None:
        quantized.append(str(load_checkpoint(model, low_precision_checkpoint, quantization_config)))
    model = model.to(device)
    if quantization_config is not None and low_precision_checkpoint is None:
        # Codes are chosen for the weights as they came, not as `dtype` rounds them.
        quantized += quantize_by_config(model, quantization_config, qconfig_summary_file)
    exact = list(_frequencies(model))
    model = model.to(dtype)
    for module, name, value in exact:  # positions far into a text need more than 16 bits of them
        setattr(module, name, value)
    if awaits_calibration(quantization_config, qconfig_summary_file):
        model.llm_report = quantized
        return model
    notes, left = _replace_forward(model)
    notes = quantized + notes
    # The static cache would compile the forward pass, for which there is no compiler here yet.
    model.generation_config.disable_compile = True
    report = Report(verbose)
    for note in notes:
        report.done(note)
    for note in left:
        report.missed(note)
    if strict and left:
        raise NotImplementedError(f"ipex.llm.optimize: {'; '.join(left)}")
    model.llm_report = notes + left
    return model


def _frequencies(model: nn.Module) -> Iterator[tuple[nn.Module, str, Tensor]]:
    """Buffers with the frequencies of rotary embeddings, in float32."""
    for module in model.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if name.endswith("inv_freq") and buffer.dtype == torch.float32:
                yield module, name, buffer


def _replace_forward(model: Any) -> tuple[list[str], list[str]]:
    """Gives the base model its new forward; says what was done and what was left."""
    kind, family = family_of(model.config)
    if family is None:
        return [], [f"{kind}: not a family that is known; the model is as it was"]
    base: Any = find(model, family.base)
    layers = model.config.num_hidden_layers
    decoder, prompt, notes, left = None, None, [], []
    try:
        decoder = Decoder(family, model.config, base)
        notes.append(f"{kind}: a decode step is one launch for all {layers} layers")
    except Unsupported as missing:
        left.append(f"{kind}: layers run by operators: no program has {missing}")
    try:
        prompt = Prompt(family, model.config, base)
        notes.append("prompts run by fused operators")
    except Unsupported as missing:
        notes.append(f"prompts run by operators of transformers: {missing}")
    base.forward = _Forward(base, family, decoder, prompt)
    notes.append("keys and values are kept in segments")
    return notes, left


optimize_transformers = optimize

"""The manager of continuous batching: stock's, with our attention and pool for models on xpu."""

from __future__ import annotations

from typing import Any

from transformers.generation.continuous_batching import continuous_api
from transformers.generation.continuous_batching.input_outputs import ContinuousBatchingIOs

from . import attention, pool

_REPLACED = ("eager", "paged|eager", "sdpa")


class Manager(continuous_api.ContinuousBatchingManager):
    """Takes what stock's takes; see `PreTrainedModel.init_continuous_batching`."""

    def __init__(
        self,
        model: Any,
        generation_config: Any,
        continuous_batching_config: Any,
        workload_hints: Any = None,
    ) -> None:
        if model.device.type == "xpu":
            continuous_batching_config = pool.fitted(
                model, continuous_batching_config, workload_hints
            )
        super().__init__(model, generation_config, continuous_batching_config, workload_hints)

    def switch_to_cb_friendly_attn(self, model: Any, auto_switch_to_flash: bool = True) -> None:
        before = model.config._attn_implementation
        ours = (
            model.device.type == "xpu"
            and auto_switch_to_flash
            and before in _REPLACED
            and model._supports_flash_attn
        )
        if ours:
            attention.register()
            listed = getattr(model, "_compatible_flash_implementations", None)
            if listed is not None and attention.NAME not in listed:
                model._compatible_flash_implementations = [*listed, attention.NAME]
            model.set_attn_implementation(attention.NAME)
            self._original_attn_impl = before
        super().switch_to_cb_friendly_attn(model, auto_switch_to_flash)

    def _create_batch_processor(self) -> Any:
        processor = super()._create_batch_processor()
        transfers = processor.inputs_and_outputs
        if self.model.device.type == "xpu" and isinstance(transfers, ContinuousBatchingIOs):
            # Inputs are written on the current stream, for which the stream of the model, if there
            # is one, does not wait.
            transfers.compute_stream = None
        return processor

// A decoder's step (fused/decode_program.h).
#include <pybind11/stl.h>

#include "fused/decode_program.h"
#include "python/bindings.h"

namespace py = pybind11;

namespace ipex::python {

void bind_decode(py::module_& module) {
  using aten::QuantizedMatrix;
  using fused::DecodeChoice;
  using fused::DecodeMatrix;
  using fused::DecodeNorm;
  using fused::DecodeProgram;
  using fused::DecodeRows;
  using fused::DecodeShape;
  using MaybeTensor = std::optional<at::Tensor>;
  module.attr("decode_tokens") = kernels::decode_tokens;
  bind(module, "decode_runs_here", &DecodeProgram::runs_here);
  py::class_<DecodeNorm>(module, "DecodeNorm")
      .def(py::init<std::string, MaybeTensor, MaybeTensor, double, double>(), py::arg("kind") = "none",
           py::arg("weight") = py::none(), py::arg("bias") = py::none(), py::arg("epsilon") = 0.0,
           py::arg("offset") = 0.0);
  py::class_<QuantizedMatrix>(module, "QuantizedMatrix")
      .def(py::init([](std::string kind, at::Tensor codes, at::Tensor scales, const MaybeTensor& zeros,
                       std::int64_t columns, std::int64_t span, bool zeros_are_offsets) {
             return QuantizedMatrix{std::move(kind),   std::move(codes),
                                    std::move(scales), zeros.value_or(at::Tensor()),
                                    columns,           span,
                                    zeros_are_offsets};
           }),
           py::arg("kind"), py::arg("codes"), py::arg("scales"), py::arg("zeros"), py::arg("columns"),
           py::arg("span"), py::arg("zeros_are_offsets"));
  py::class_<DecodeRows>(module, "DecodeRows")
      .def(py::init<DecodeMatrix, MaybeTensor, std::optional<DecodeMatrix>, MaybeTensor>(), py::arg("weight"),
           py::arg("bias") = py::none(), py::arg("gate") = py::none(), py::arg("gate_bias") = py::none());
  py::class_<DecodeChoice>(module, "DecodeChoice")
      .def(py::init<bool, bool, bool, double, MaybeTensor, std::int64_t, std::int64_t>(),
           py::arg("normalized"), py::arg("sigmoid") = false, py::arg("shared") = false,
           py::arg("scale") = 1.0, py::arg("bias") = py::none(), py::arg("groups") = 1,
           py::arg("chosen_groups") = 1);
  py::class_<DecodeShape>(module, "DecodeShape")
      .def(py::init<>())
      .def_readwrite("width", &DecodeShape::width)
      .def_readwrite("heads", &DecodeShape::heads)
      .def_readwrite("key_heads", &DecodeShape::key_heads)
      .def_readwrite("head_size", &DecodeShape::head_size)
      .def_readwrite("rotary", &DecodeShape::rotary)
      .def_readwrite("interleaved", &DecodeShape::interleaved)
      .def_readwrite("inner", &DecodeShape::inner)
      .def_readwrite("experts", &DecodeShape::experts)
      .def_readwrite("chosen", &DecodeShape::chosen)
      .def_readwrite("expert_inner", &DecodeShape::expert_inner)
      .def_readwrite("latent", &DecodeShape::latent)
      .def_readwrite("plain", &DecodeShape::plain)
      .def_readwrite("value", &DecodeShape::value)
      .def_readwrite("query_latent", &DecodeShape::query_latent)
      .def_readwrite("scale", &DecodeShape::scale)
      .def_readwrite("soft_cap", &DecodeShape::soft_cap)
      .def_readwrite("inverse_frequencies", &DecodeShape::inverse_frequencies)
      .def_readwrite("frequency_scales", &DecodeShape::frequency_scales);
  const auto method = [](auto pointer) { return torch::wrap_pybind_function(pointer); };
  py::class_<DecodeProgram>(module, "DecodeProgram")
      .def(py::init([](DecodeShape shape, const at::Tensor& like) {
             return DecodeProgram(std::move(shape), like.scalar_type(), like.device());
           }),
           py::arg("shape"), py::arg("like"))
      .def("add_product", method(&DecodeProgram::add_product), py::arg("rows"), py::arg("input"),
           py::arg("output"), py::arg("norm") = DecodeNorm{}, py::arg("activation") = "none",
           py::arg("accumulate") = false, py::arg("scale") = 1.0, py::arg("weighted") = false)
      .def("add_choice", method(&DecodeProgram::add_choice), py::arg("choice"))
      .def("add_latent_heads", method(&DecodeProgram::add_latent_heads), py::arg("layer"), py::arg("angles"),
           py::arg("norm"), py::arg("expand"))
      .def("add_latent_values", method(&DecodeProgram::add_latent_values), py::arg("expand"))
      .def("add_experts", method(&DecodeProgram::add_experts), py::arg("inner"), py::arg("outer"),
           py::arg("norm"), py::arg("activation"), py::arg("limit") = 0.0)
      .def("add_heads", method(&DecodeProgram::add_heads), py::arg("layer"), py::arg("angles"),
           py::arg("query_norm") = DecodeNorm{}, py::arg("key_norm") = DecodeNorm{})
      .def("add_attention", method(&DecodeProgram::add_attention), py::arg("layer"), py::arg("window") = 0,
           py::arg("slopes") = py::none(), py::arg("sinks") = py::none())
      .def("add_normalized", method(&DecodeProgram::add_normalized), py::arg("input"), py::arg("norm"),
           py::arg("scale") = 1.0)
      .def("add_finish", method(&DecodeProgram::add_finish), py::arg("norm"))
      .def("step", method(&DecodeProgram::step), py::arg("input"), py::arg("positions"), py::arg("mask"),
           py::arg("cached"), py::arg("segments"), py::arg("begins"), py::arg("row_of"));
}

}  // namespace ipex::python

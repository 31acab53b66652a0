#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/lstm_native.h>
#include <torch/library.h>

namespace ipex::aten {
namespace {

// Stock's LSTM is a composite of cells. Without gradients it would choose a kernel through a table that has
// no place for xpu in a CPU build, and fail; so it is not told that there are none.
template <class... Arguments>
std::tuple<at::Tensor, at::Tensor, at::Tensor> lstm(Arguments... arguments) {
  if (c10::GradMode::is_enabled()) return at::native::lstm(arguments...);
  const at::AutoDispatchBelowAutograd below;
  const c10::AutoGradMode pretended(true);
  return at::native::lstm(arguments...);
}

auto* const lstm_of_sequences =
    &lstm<const at::Tensor&, at::TensorList, at::TensorList, bool, std::int64_t, double, bool, bool, bool>;
auto* const lstm_of_packed = &lstm<const at::Tensor&, const at::Tensor&, at::TensorList, at::TensorList, bool,
                                   std::int64_t, double, bool, bool>;

}  // namespace
}  // namespace ipex::aten

TORCH_LIBRARY_IMPL(aten, XPU, m) {
  m.impl("lstm.input", ipex::aten::lstm_of_sequences);
  m.impl("lstm.data", ipex::aten::lstm_of_packed);
}
TORCH_LIBRARY_IMPL(aten, AutogradXPU, m) {
  m.impl("lstm.input", ipex::aten::lstm_of_sequences);
  m.impl("lstm.data", ipex::aten::lstm_of_packed);
}

#include <ipex/elementwise.h>
#include <torch/extension.h>

at::Tensor swish_mul(const at::Tensor& x, const at::Tensor& y) {
  static const ipex::Elementwise operation("swish_mul", "swish_mul");
  return operation({x, y});
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) { m.def("swish_mul", &swish_mul); }

// Python's << and >> of tensors, which PyTorch has as operators beside bitwise_left_shift and its like.
#include <ATen/core/Tensor.h>
#include <ATen/ops/bitwise_left_shift.h>
#include <ATen/ops/bitwise_right_shift.h>
#include <torch/library.h>

namespace ipex::aten {
namespace {

using at::Tensor;

template <class Shift>
Tensor left_shift(const Tensor& self, const Shift& other) {
  return at::bitwise_left_shift(self, other);
}
template <class Shift>
Tensor right_shift(const Tensor& self, const Shift& other) {
  return at::bitwise_right_shift(self, other);
}
template <class Shift>
Tensor& left_shift_in_place(Tensor& self, const Shift& other) {
  return self.copy_(left_shift(self, other));
}
template <class Shift>
Tensor& right_shift_in_place(Tensor& self, const Shift& other) {
  return self.copy_(right_shift(self, other));
}

}  // namespace
}  // namespace ipex::aten

TORCH_LIBRARY_IMPL(aten, XPU, m) {
  m.impl("__lshift__.Scalar", ipex::aten::left_shift<at::Scalar>);
  m.impl("__lshift__.Tensor", ipex::aten::left_shift<at::Tensor>);
  m.impl("__rshift__.Scalar", ipex::aten::right_shift<at::Scalar>);
  m.impl("__rshift__.Tensor", ipex::aten::right_shift<at::Tensor>);
  m.impl("__ilshift__.Scalar", ipex::aten::left_shift_in_place<at::Scalar>);
  m.impl("__ilshift__.Tensor", ipex::aten::left_shift_in_place<at::Tensor>);
  m.impl("__irshift__.Scalar", ipex::aten::right_shift_in_place<at::Scalar>);
  m.impl("__irshift__.Tensor", ipex::aten::right_shift_in_place<at::Tensor>);
}

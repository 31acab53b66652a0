// Operators that read or write through index tensors, reduced to one launch.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/TensorIterator.h>

#include "aten/kernel_table.h"
#include "kernels/index_params.hpp"

namespace ipex::aten {

// What an index tensor selects from: a dimension of the indexed operand.
struct Selected {
  std::int64_t size;
  std::int64_t stride;  // in bytes
};

enum class Negative { wraps, out_of_range };

// How the work-items of a kernel of index.hpp share the elements.
enum class Visits { lanes, slices };

struct IndexKernel {
  jit::Kernel& kernel;
  Visits visits;
  bool in_order = false;  // by one work-item
};

// Copies from where the indices say elements of so many bytes, or writes one value there.
IndexKernel get_kernel(const at::Tensor& input);
IndexKernel fill_kernel(const at::Tensor& output);

// Those that write values where the indices say, or combine them with what is there: the reductions of
// scatter_reduce, index_reduce and the like. What the last of equal indices writes, and what sums round to,
// depends on the order: torch.use_deterministic_algorithms fixes it.
enum class Update { sum, prod, amax, amin };
IndexKernel put_kernel(const at::Tensor& output);
IndexKernel update_kernel(const char* name, Update update, const at::Tensor& output);

// output[..., index[i], ...] is combined with source[i] at every position i of `index`, in their order along
// `dim`. `source` has the sizes of `index`. False, and nothing was done, where atomics are faster and
// allowed, or the shapes have too many dimensions.
bool update_lines(const char* name, Update update, const at::Tensor& output, std::int64_t dim,
                  const at::Tensor& index, const at::Tensor& source);

// Half precision that adds or multiplies is rounded once, not as each value arrives: `write` gets a wider
// tensor in place of `out`.
template <class Write>
void rounded_once(const at::Tensor& out, Update update, Write write) {
  const auto wide = opmath_dtype(out.scalar_type());
  if (wide == out.scalar_type() || update == Update::amax || update == Update::amin) return write(out);
  const auto result = out.to(wide);
  write(result);
  out.copy_(result);
}

// out[..., index[n], ...] += alpha * source[..., n, ...] along `dim`, half precision rounded once without a
// wider copy: `index` is a vector, `source` has out's sizes but along `dim`. False, and nothing was done,
// where rows are not what a CPU adds best, or the dtype is not half precision.
bool add_rows(const char* name, const at::Tensor& out, std::int64_t dim, const at::Tensor& index,
              const at::Tensor& source, const c10::Scalar& alpha, Negative negative);

// self[indices] += values for half precision, rounded once as well, without a wider copy of all of self.
// Indices that are not defined stand for whole dimensions. False, and nothing was done, where that copy is
// cheaper, or the dtype is not half precision.
bool add_at_few(const char* name, const at::Tensor& self, const std::vector<at::Tensor>& indices,
                const at::Tensor& values, Negative negative);

// Runs `kernel` over the iterator's operands: the output, `inputs` (0 or 1) inputs, and an index tensor
// (int64) for each of `selected`. Their strides along dimensions that an index selects are 0.
void launch_indexed(const char* name, at::TensorIteratorBase& iterator, int inputs,
                    c10::ArrayRef<Selected> selected, Negative negative, IndexKernel kernel,
                    const void* value = nullptr);

// A view of `tensor` shaped `sizes` whose dimension `dim` does not move: an index selects there.
at::Tensor fixed_along(const at::Tensor& tensor, std::int64_t dim, c10::IntArrayRef sizes);
Selected selected_along(const at::Tensor& tensor, std::int64_t dim);

// A vector as a tensor of `dims` dimensions that varies along `dim` only.
at::Tensor along(const at::Tensor& vector, std::int64_t dim, std::int64_t dims);

at::Tensor as_int64(const at::Tensor& index);
// A scalar is a vector of one element.
at::Tensor at_least_1d(const at::Tensor& tensor);

}  // namespace ipex::aten

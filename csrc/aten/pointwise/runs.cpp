#include "aten/pointwise/runs.h"

#include <algorithm>

#include "aten/dtypes.h"
#include "aten/launch.h"
#include "aten/reduce/reduce.h"

namespace ipex::aten {

void apply_runs(const char* functor, const Runs& runs, at::ArrayRef<at::Tensor> inputs,
                const at::Tensor& output, at::ArrayRef<at::Tensor> coefficients) {
  if (output.numel() == 0) return;
  constexpr std::int64_t longest = 1 << 14;
  kernels::RunsParams params{};
  for (std::size_t k = 0; k < inputs.size(); ++k) params.inputs[k] = inputs[k].const_data_ptr();
  for (std::size_t k = 0; k < coefficients.size(); ++k)
    params.coefficients[k] = coefficients[k].const_data_ptr();
  params.output = output.mutable_data_ptr();
  params.runs = runs.runs;
  params.length = runs.length;
  params.period = runs.period;
  params.stride = runs.stride;
  params.step = runs.step;
  params.along = runs.along;
  const std::int64_t whole = runs.along ? runs.period : runs.length;
  const std::int64_t most = runs.along ? std::max<std::int64_t>(1, longest / runs.length) : longest;
  params.chunk = std::min(whole, most);
  params.chunks = (whole + params.chunk - 1) / params.chunk;
  const auto input = inputs[0].scalar_type();
  const auto* compute = type_name(opmath_dtype(input));
  const auto [kernel, range] =
      row_kernel("apply_runs", params.runs / (runs.along ? runs.period : 1) * params.chunks);
  launch("runs",
         instantiation(kernel, std::string("op::") + functor + "<" + compute + ">", compute,
                       std::to_string(inputs.size()), type_name(input), type_name(output.scalar_type())),
         range, params);
}

}  // namespace ipex::aten

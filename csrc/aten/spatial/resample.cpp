#include "aten/spatial/resample.h"

#include <ATen/ops/sum.h>

#include <algorithm>
#include <iterator>

#include "aten/spatial/plane_rows.h"
#include "aten/tensor/copy.h"

namespace ipex::aten {
namespace {

using kernels::ResampleParams;

// Each by whether channels are last.
struct FilterKernels {
  OpaqueKernel move[2];
  TypedKernel forward[2];
  TypedKernel backward[2];

  constexpr FilterKernels(const char* planar, const char* channels_last)
      : move{{"resample", "resample_move", planar}, {"resample", "resample_move", channels_last}},
        forward{{"resample", "resample", nullptr, planar}, {"resample", "resample", nullptr, channels_last}},
        backward{{"resample", "resample_backward", nullptr, planar},
                 {"resample", "resample_backward", nullptr, channels_last}} {}
};

// In the order of Filter.
FilterKernels filters[] = {{"op::nearest,false", "op::nearest,true"},
                           {"op::linear,false", "op::linear,true"},
                           {"op::cubic,false", "op::cubic,true"},
                           {"op::reflect,false", "op::reflect,true"},
                           {"op::replicate,false", "op::replicate,true"}};

bool interpolates(Filter filter) { return filter == Filter::linear || filter == Filter::cubic; }

void launch_resample(const char* name, const ResampleAxes& axes, const at::Tensor& input,
                     const at::Tensor& out, at::MemoryFormat format, jit::Kernel& kernel) {
  ResampleParams params;
  std::copy(std::begin(axes.axis), std::end(axes.axis), params.axis);
  params.output = out.mutable_data_ptr();
  params.input = input.const_data_ptr();
  launch_plane_rows(name, kernel, params, out, input, axes.spatial, format);
}

// A view of `tensor` in which each spatial dimension is one of places and one of repetitions.
at::Tensor repeated_places(const ResampleAxes& axes, at::Tensor tensor, bool is_output) {
  for (int d = 3 - axes.spatial; d < 3; ++d) {
    const auto& axis = axes.axis[d];
    const auto dim = tensor.dim() - (3 - d);
    tensor = tensor.unflatten(dim, {axis.input, is_output ? axis.output / axis.input : 1});
  }
  return tensor;
}

// Whether the output repeats each place of the input, as many times as a power of two.
bool repeats_places(const ResampleAxes& axes) {
  return std::all_of(std::begin(axes.axis), std::end(axes.axis), [](const auto& axis) {
    return axis.shift >= 0 && axis.output == std::int64_t{axis.input} << axis.shift;
  });
}

}  // namespace

ResampleAxes resample_axes(int spatial, c10::IntArrayRef input, c10::IntArrayRef output) {
  ResampleAxes axes{spatial, {}};
  for (int d = 0; d < 3; ++d) {
    auto& axis = axes.axis[d];
    axis.input = static_cast<std::int32_t>(spatial_size(input, spatial, d));
    axis.output = static_cast<std::int32_t>(spatial_size(output, spatial, d));
    axis.padding = 0;
    axis.shift = 0;
    axis.centered = false;
  }
  return axes;
}

void resample(const char* name, Filter filter, const ResampleAxes& axes, const at::Tensor& input,
              const at::Tensor& out) {
  if (out.numel() == 0) return;
  const auto format = format_of(out, axes.spatial);
  const int last = format != at::MemoryFormat::Contiguous;
  const auto result = writable_in(out, format);
  if (last && filter == Filter::nearest && repeats_places(axes)) {
    const auto places = repeated_places(axes, result, true);
    copy_on_device(places, repeated_places(axes, input.contiguous(format), false).expand(places.sizes()));
  } else {
    const auto device = out.device().index();
    auto& kernels = filters[static_cast<int>(filter)];
    auto& kernel = interpolates(filter) ? kernels.forward[last].get(name, out.scalar_type(), device)
                                        : kernels.move[last].get(out.element_size(), device);
    launch_resample(name, axes, input.contiguous(format), result, format, kernel);
  }
  copy_back(out, result);
}

void resample_backward(const char* name, Filter filter, const ResampleAxes& axes, const at::Tensor& gradient,
                       const at::Tensor& out) {
  if (out.numel() == 0) return;
  if (gradient.numel() == 0) {
    const_cast<at::Tensor&>(out).zero_();
    return;
  }
  const auto format = format_of(out, axes.spatial);
  const int last = format != at::MemoryFormat::Contiguous;
  auto result = writable_in(out, format);
  if (last && filter == Filter::nearest && repeats_places(axes)) {
    c10::SmallVector<std::int64_t, 3> repetitions;
    for (int d = 0; d < axes.spatial; ++d) repetitions.push_back(out.dim() - axes.spatial + 2 * d + 1);
    at::sum_out(result, repeated_places(axes, gradient.contiguous(format), true), repetitions);
  } else {
    auto& kernel =
        filters[static_cast<int>(filter)].backward[last].get(name, out.scalar_type(), out.device().index());
    launch_resample(name, axes, gradient.contiguous(format), result, format, kernel);
  }
  copy_back(out, result);
}

}  // namespace ipex::aten

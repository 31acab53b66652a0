// Operators of object detection, torch_ipex::.
#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include "aten/kernel_table.h"
#include "kernels/detection_params.hpp"

namespace ipex::aten {
namespace {

using at::Tensor;

// input * other + alpha * accumulator
Tensor mul_add(const Tensor& input, const Tensor& other, const Tensor& accumulator, const at::Scalar& alpha) {
  const bool plain = alpha.equal(1.0) || alpha.equal(1);
  return at::addcmul(plain ? accumulator : at::mul(accumulator, alpha), input, other);
}

// The numbers of the boxes that no better one covers, best first. Waits for the device.
Tensor nms(const Tensor& boxes, const Tensor& scores, double threshold) {
  TORCH_CHECK(boxes.dim() == 2 && boxes.size(1) == 4, "nms: expected boxes of shape [N, 4], but got ",
              boxes.sizes());
  TORCH_CHECK(scores.dim() == 1 && scores.size(0) == boxes.size(0), "nms: expected a score for each of ",
              boxes.size(0), " boxes, but got shape ", scores.sizes());
  TORCH_CHECK(boxes.device() == scores.device(), "nms: expected boxes and scores on one device, but got ",
              boxes.device(), " and ", scores.device());
  TORCH_CHECK(at::isFloatingType(boxes.scalar_type()), "nms: expected floating-point boxes, but got ",
              boxes.scalar_type());
  const auto count = boxes.size(0);
  const auto order = std::get<1>(scores.sort(/*stable=*/true, 0, /*descending=*/true));
  if (count == 0) return order;
  const auto sorted = boxes.index_select(0, order).contiguous();
  const auto words = (count + kernels::nms_word - 1) / kernels::nms_word;
  auto overlaps = at::empty({count, words}, order.options()), removed = at::zeros({words}, order.options());
  auto keep = at::empty({count}, order.options().dtype(at::kBool));
  kernels::NmsParams params;
  params.boxes = sorted.const_data_ptr();
  params.overlaps = reinterpret_cast<std::uint64_t*>(overlaps.mutable_data_ptr());
  params.removed = reinterpret_cast<std::uint64_t*>(removed.mutable_data_ptr());
  params.keep = keep.mutable_data_ptr<bool>();
  params.count = count;
  params.words = words;
  params.threshold = static_cast<float>(threshold);
  static TypedKernel compare{"detection", "nms_overlaps"};
  launch(compare.get("nms", boxes.scalar_type(), boxes.get_device()), range_for(count * words), params);
  launch("detection", "nms_select", {1, kernels::nms_group}, params);
  return order.masked_select(keep);
}

// What an SSD network says of its boxes, relative to priors, as corners.
Tensor locations_to_boxes(const Tensor& locations, const Tensor& priors, double center_variance,
                          double size_variance) {
  TORCH_CHECK(locations.dim() >= 1 && locations.size(-1) == 4,
              "locations_to_boxes: expected locations of shape [..., 4], but got ", locations.sizes());
  TORCH_CHECK(priors.scalar_type() == locations.scalar_type() && priors.device() == locations.device(),
              "locations_to_boxes: expected priors of dtype ", locations.scalar_type(), " on ",
              locations.device(), ", but got ", priors.scalar_type(), " on ", priors.device());
  const auto trailing = locations.sizes().slice(locations.dim() - std::min(priors.dim(), locations.dim()));
  const bool repeats = priors.sizes() == trailing;
  TORCH_CHECK(repeats || priors.numel() > 0, "locations_to_boxes: expected priors of shape ",
              locations.sizes(), ", but got ", priors.sizes());
  const auto all = locations.contiguous();
  const auto prior = (repeats ? priors : priors.expand(locations.sizes())).contiguous();
  auto boxes = at::empty(locations.sizes(), locations.options());
  if (boxes.numel() == 0) return boxes;
  const kernels::BoxParams params{all.const_data_ptr(),
                                  prior.const_data_ptr(),
                                  boxes.mutable_data_ptr(),
                                  boxes.numel() / 4,
                                  prior.numel() / 4,
                                  static_cast<float>(center_variance),
                                  static_cast<float>(size_variance)};
  static TypedKernel kernel{"detection", "boxes_from_locations"};
  launch(kernel.get("locations_to_boxes", locations.scalar_type(), locations.get_device()),
         range_for(params.count), params);
  return boxes;
}

struct RoiArguments {
  double scale;
  std::int64_t height, width, sampling;
  bool aligned;
};

kernels::RoiParams roi_params(const Tensor& regions, at::IntArrayRef image, const RoiArguments& arguments) {
  kernels::RoiParams params{};
  params.regions = regions.const_data_ptr();
  params.batch = image[0];
  params.channels = image[1];
  params.height = image[2];
  params.width = image[3];
  params.pooled_height = arguments.height;
  params.pooled_width = arguments.width;
  params.sampling = arguments.sampling;
  params.scale = static_cast<float>(arguments.scale);
  params.aligned = arguments.aligned;
  params.numel = regions.size(0) * image[1] * arguments.height * arguments.width;
  return params;
}

void check_regions(const char* name, const Tensor& image, const Tensor& regions,
                   const RoiArguments& arguments) {
  TORCH_CHECK(image.dim() == 4, name, ": expected an input of shape [N, C, H, W], but got ", image.sizes());
  TORCH_CHECK(regions.dim() == 2 && regions.size(1) == 5, name,
              ": expected regions of shape [K, 5], but got ", regions.sizes());
  TORCH_CHECK(image.scalar_type() == regions.scalar_type() && image.device() == regions.device(), name,
              ": expected input and regions of one dtype on one device, but got ", image.scalar_type(),
              " on ", image.device(), " and ", regions.scalar_type(), " on ", regions.device());
  TORCH_CHECK(arguments.height > 0 && arguments.width > 0, name,
              ": expected a positive output size, but got [", arguments.height, ", ", arguments.width, "]");
}

Tensor roi_align(const Tensor& input, const Tensor& rois, double spatial_scale, std::int64_t pooled_height,
                 std::int64_t pooled_width, std::int64_t sampling_ratio, bool aligned) {
  const RoiArguments arguments{spatial_scale, pooled_height, pooled_width, sampling_ratio, aligned};
  check_regions("roi_align", input, rois, arguments);
  const auto image = input.contiguous(), regions = rois.contiguous();
  auto output = at::empty({rois.size(0), input.size(1), pooled_height, pooled_width}, input.options());
  auto params = roi_params(regions, image.sizes(), arguments);
  params.image = image.const_data_ptr();
  params.output = output.mutable_data_ptr();
  static TypedKernel kernel{"detection", "roi_align"};
  auto& found = kernel.get("roi_align", input.scalar_type(), input.get_device());
  if (output.numel() > 0) launch(found, range_for(params.numel), params);
  return output;
}

Tensor roi_align_backward(const Tensor& gradient, const Tensor& rois, at::IntArrayRef input_size,
                          double spatial_scale, std::int64_t pooled_height, std::int64_t pooled_width,
                          std::int64_t sampling_ratio, bool aligned) {
  at::globalContext().alertNotDeterministic("roi_align_backward");
  TORCH_CHECK(input_size.size() == 4, "roi_align_backward: expected an input of 4 dimensions, but got ",
              input_size);
  const auto dtype = gradient.scalar_type();
  const auto from = gradient.contiguous(), regions = rois.contiguous();
  auto result = at::zeros(input_size, gradient.options().dtype(opmath_dtype(dtype)));
  auto params =
      roi_params(regions, input_size, {spatial_scale, pooled_height, pooled_width, sampling_ratio, aligned});
  params.output = const_cast<void*>(from.const_data_ptr());
  params.gradient = result.mutable_data_ptr();
  static TypedKernel kernel{"detection", "roi_align_backward"};
  auto& found = kernel.get("roi_align_backward", dtype, gradient.get_device());
  if (params.numel > 0) launch(found, range_for(params.numel), params);
  return result.to(dtype);
}

// Under autocast boxes keep their digits, and what is beside them is computed as precisely.
Tensor nms_autocast(const Tensor& boxes, const Tensor& scores, double threshold) {
  const c10::impl::ExcludeDispatchKeyGuard below(c10::DispatchKey::AutocastXPU);
  return nms(boxes.to(at::kFloat), scores.to(at::kFloat), threshold);
}

Tensor roi_align_autocast(const Tensor& input, const Tensor& rois, double spatial_scale,
                          std::int64_t pooled_height, std::int64_t pooled_width, std::int64_t sampling_ratio,
                          bool aligned) {
  const c10::impl::ExcludeDispatchKeyGuard below(c10::DispatchKey::AutocastXPU);
  static const auto operation = c10::Dispatcher::singleton()
                                    .findSchemaOrThrow("torch_ipex::roi_align", "")
                                    .typed<decltype(roi_align)>();
  return operation
      .call(input.to(at::kFloat), rois.to(at::kFloat), spatial_scale, pooled_height, pooled_width,
            sampling_ratio, aligned)
      .to(input.scalar_type());
}

}  // namespace
}  // namespace ipex::aten

TORCH_LIBRARY_FRAGMENT(torch_ipex, m) {
  m.def("mul_add(Tensor input, Tensor other, Tensor accumu, Scalar alpha=1) -> Tensor", ipex::aten::mul_add);
  m.def("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor");
  m.def(
      "locations_to_boxes(Tensor locations, Tensor priors, float center_variance, float size_variance) -> "
      "Tensor");
  m.def(
      "roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, int "
      "sampling_ratio, bool aligned) -> Tensor");
  m.def(
      "roi_align_backward(Tensor grad, Tensor rois, int[] input_size, float spatial_scale, int "
      "pooled_height, "
      "int pooled_width, int sampling_ratio, bool aligned) -> Tensor");
}

TORCH_LIBRARY_IMPL(torch_ipex, XPU, m) {
  m.impl("nms", ipex::aten::nms);
  m.impl("locations_to_boxes", ipex::aten::locations_to_boxes);
  m.impl("roi_align", ipex::aten::roi_align);
  m.impl("roi_align_backward", ipex::aten::roi_align_backward);
}

TORCH_LIBRARY_IMPL(torch_ipex, AutocastXPU, m) {
  m.impl("nms", ipex::aten::nms_autocast);
  m.impl("roi_align", ipex::aten::roi_align_autocast);
}

#include "onemkl/fourier.h"

#include "runtime/keyed_cache.h"
#include "runtime/stream.h"
#include "runtime/strides.h"

namespace ipex::onemkl {
namespace {

using at::Tensor;

std::vector<std::int64_t> to_vector(c10::IntArrayRef values) { return values.vec(); }

TransformShape shape_of(const Tensor& output, const Tensor& input, bool forward, double scale) {
  const auto& front = forward ? input : output;
  const auto& back = forward ? output : input;
  const auto front_strides = runtime::canonical_strides(front),
             back_strides = runtime::canonical_strides(back);
  return {c10::toRealValueType(input.scalar_type()) == c10::kDouble,
          !front.is_complex(),
          front.size(0),
          front_strides[0],
          back_strides[0],
          to_vector(front.sizes().slice(1)),
          to_vector(c10::IntArrayRef(front_strides).slice(1)),
          to_vector(c10::IntArrayRef(back_strides).slice(1)),
          scale};
}

runtime::Key key_of(const sycl::queue& queue, const TransformShape& shape) {
  runtime::Key key('f');
  key.append(std::hash<sycl::queue>{}(queue));  // of a queue that lives as long as the transform
  key.append(shape.double_precision);
  key.append(shape.real);
  key.append(shape.batch);
  key.append(shape.forward_distance);
  key.append(shape.backward_distance);
  key.append(shape.lengths);
  key.append(shape.forward_strides);
  key.append(shape.backward_strides);
  key.append(shape.scale);
  return key;
}

std::shared_ptr<Transform> plan(const sycl::queue& queue, const TransformShape& shape) {
  // Never destroyed: transforms must not outlive the SYCL runtime, nor be freed after it. Few, as they keep
  // workspaces.
  static auto* cache = new runtime::KeyedCache<Transform>(128);
  return cache->get(key_of(queue, shape), [&] { return library().plan(queue, shape); });
}

}  // namespace

void transform(const Tensor& output, const Tensor& input, bool forward, double scale) {
  try {
    const runtime::LibraryQueue queue(input.device().index());
    plan(queue.get(), shape_of(output, input, forward, scale))
        ->run(input.data_ptr(), output.data_ptr(), forward);
    queue.finish();
  } catch (const std::exception& error) {
    TORCH_CHECK(false, "fft: oneMKL can not transform ", input.toString(), input.sizes(), " with strides ",
                input.strides(), " to ", output.toString(), output.sizes(), " on ", input.device(), ": ",
                error.what());
  }
}

}  // namespace ipex::onemkl

#include "onemkl/library/transform.h"

#include <complex>
#include <mutex>
#include <oneapi/mkl/dft.hpp>
#include <type_traits>
#include <utility>

#include "onemkl/library/order.h"

namespace ipex::onemkl {
namespace {

namespace dft = oneapi::mkl::dft;
using dft::config_param;
using dft::config_value;

std::vector<std::int64_t> without_offset(const std::vector<std::int64_t>& strides) {
  std::vector<std::int64_t> result{0};
  result.insert(result.end(), strides.begin(), strides.end());
  return result;
}

template <dft::precision precision, dft::domain domain>
class Descriptor final : public Transform {
 public:
  Descriptor(const sycl::queue& queue, const TransformShape& shape)
      : queue_(queue), descriptor_(shape.lengths) {
    const auto set = [&](config_param parameter, auto value) { descriptor_.set_value(parameter, value); };
    set(config_param::PLACEMENT, config_value::NOT_INPLACE);
    set(config_param::NUMBER_OF_TRANSFORMS, shape.batch);
    set(config_param::FWD_DISTANCE, shape.forward_distance);
    set(config_param::BWD_DISTANCE, shape.backward_distance);
    descriptor_.set_value(config_param::FWD_STRIDES, without_offset(shape.forward_strides));
    descriptor_.set_value(config_param::BWD_STRIDES, without_offset(shape.backward_strides));
    set(config_param::FORWARD_SCALE, static_cast<Real>(shape.scale));
    set(config_param::BACKWARD_SCALE, static_cast<Real>(shape.scale));
    descriptor_.commit(queue_);
  }

  // Work that was enqueued still uses the workspace. Its errors are for the next wait, not for a destructor.
  ~Descriptor() override {
    try {
      queue_.wait();
    } catch (const std::exception&) {
    }
  }

  void run(void* input, void* output, bool forward) override {
    const std::lock_guard lock(mutex_);
    const auto dependencies = work_before(queue_);
    if (forward) {
      dft::compute_forward(descriptor_, static_cast<Forward*>(input), static_cast<Complex*>(output),
                           dependencies);
    } else {
      dft::compute_backward(descriptor_, static_cast<Complex*>(input), static_cast<Forward*>(output),
                            dependencies);
    }
  }

 private:
  using Real = std::conditional_t<precision == dft::precision::DOUBLE, double, float>;
  using Complex = std::complex<Real>;
  using Forward = std::conditional_t<domain == dft::domain::REAL, Real, Complex>;

  sycl::queue queue_;
  std::mutex mutex_;
  dft::descriptor<precision, domain> descriptor_;
};

template <dft::precision precision>
std::unique_ptr<Transform> make(const sycl::queue& queue, const TransformShape& shape) {
  if (shape.real) return std::make_unique<Descriptor<precision, dft::domain::REAL>>(queue, shape);
  return std::make_unique<Descriptor<precision, dft::domain::COMPLEX>>(queue, shape);
}

}  // namespace

std::unique_ptr<Transform> make_transform(const sycl::queue& queue, const TransformShape& shape) {
  return shape.double_precision ? make<dft::precision::DOUBLE>(queue, shape)
                                : make<dft::precision::SINGLE>(queue, shape);
}

}  // namespace ipex::onemkl

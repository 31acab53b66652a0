// Softmax and cross-entropy in one pass: the logits are read once, and nothing of their size is written.
#include "cross_entropy_params.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/rows.hpp"

using namespace ipex::kernels;

// Sums exponentials of what logits are above `shift`: the largest of the first block, until a far larger one
// comes. So memory is walked along once.
template <class T, class Rows>
void forward(const Rows& rows, const CrossEntropyParams& params) {
  constexpr int64_t block = 2048;
  constexpr float far = 1e30f;
  rows.for_jobs(params.rows, [&](int64_t row) {
    const auto* logits = static_cast<const T*>(params.logits) + row * params.classes;
    float shift = 0, sum = 0;
    for (int64_t first = 0; first < params.classes; first += block) {
      const int64_t size = rows.uniform(sycl::min(block, params.classes - first));
      const auto logit = [&](auto place) { return load<float>(logits + first, place); };
      const auto exponentials = [&] {
        return sum_each<float>(rows, size, [&](auto place) { return math::exp(logit(place) - shift); });
      };
      float part = sum == 0 ? far : exponentials();
      if (!(part < far)) {
        const float largest = rows.fold(
            size, -limits<float>::infinity(), [](auto a, auto b) { return math::maximum(a, b); }, logit);
        if (largest == -limits<float>::infinity()) continue;
        sum *= math::exp(shift - largest);
        shift = largest;
        part = exponentials();
      }
      sum += part;
    }
    if (!rows.writes()) return;
    const float logsumexp = shift + math::log(sum);
    params.logsumexp[row] = logsumexp;
    params.losses[row] = logsumexp - cast<float>(logits[params.targets[row]]);
  });
}

template <class T, class Rows>
void backward(const Rows& rows, const CrossEntropyParams& params) {
  rows.for_jobs(params.rows, [&](int64_t row) {
    const auto* logits = static_cast<const T*>(params.logits) + row * params.classes;
    auto* gradients = static_cast<T*>(params.gradients) + row * params.classes;
    const float logsumexp = params.logsumexp[row], gradient = params.loss_gradients[row];
    const int64_t target = params.targets[row];
    rows.for_each(params.classes, [&](auto place) {
      store(gradients, place, math::exp(load<float>(logits, place) - logsumexp) * gradient);
    });
    rows.meet();
    if (rows.writes()) {
      const float probability = math::exp(cast<float>(logits[target]) - logsumexp);
      gradients[target] = cast<T>((probability - 1) * gradient);
    }
  });
}

// Written once, compiled for both ways along a row: by the work-items of a sub-group, and on a CPU by one.
template <class T>
IPEX_KERNEL void cross_entropy(CrossEntropyParams params) {
  forward<T>(SubGroupRows<float>(), params);
}
template <class T>
IPEX_KERNEL_OF_ONE void cross_entropy_by_packs(CrossEntropyParams params) {
  forward<T>(PackRows<float>(), params);
}
template <class T>
IPEX_KERNEL void cross_entropy_backward(CrossEntropyParams params) {
  backward<T>(SubGroupRows<float>(), params);
}
template <class T>
IPEX_KERNEL_OF_ONE void cross_entropy_backward_by_packs(CrossEntropyParams params) {
  backward<T>(PackRows<float>(), params);
}

// Vectors of floats in a decoder's step: along them, their normalization and activation.
#pragma once

#include "kernels/core/math.hpp"
#include "kernels/core/rows.hpp"
#include "kernels/functors/activation.hpp"
#include "kernels/llm/decode_params.hpp"
#include "kernels/llm/packs.hpp"

namespace ipex::kernels {

// Calls function(FloatPack or float place) along `size` elements.
template <class Function>
IPEX_WITHIN void along(int64_t size, Function function) {
  PackRows<float>{}.for_each(size, function);
}

template <class Function>
IPEX_WITHIN float sum_along(int64_t size, Function function) {
  return sum_each<float>(PackRows<float>{}, size, function);
}

struct VectorScale {
  float mean, factor;
};

IPEX_WITHIN VectorScale scale_of_vector(const DecodeNormalization& norm, const float* input, int64_t size) {
  float mean = 0;
  if (norm.kind == DecodeNorm::layer) {
    mean = sum_along(size, [&](auto i) { return load<float>(input, i); }) / static_cast<float>(size);
  }
  const float squares = sum_along(size, [&](auto i) {
    const auto value = load<float>(input, i) - mean;
    return value * value;
  });
  return {mean, 1 / math::sqrt(squares / static_cast<float>(size) + norm.epsilon)};
}

// output = (input - mean) factor weight + bias; `first` is the place of the first element among the weights.
template <class T>
IPEX_WITHIN void scale_vector(const DecodeNormalization& norm, VectorScale scale, const float* input,
                              float* output, int64_t size, int64_t first = 0) {
  const auto* weight = static_cast<const T*>(norm.weight);
  const auto* bias = static_cast<const T*>(norm.bias);
  along(size, [&](auto i) {
    auto value = (load<float>(input, i) - scale.mean) * scale.factor;
    if (weight) value = value * (load<float>(weight + first, i) + norm.offset);
    if (bias) value = value + load<float>(bias + first, i);
    store(output, i, value);
  });
}

// output = normalized input; they may be the same.
template <class T>
IPEX_WITHIN void normalize_vector(const DecodeNormalization& norm, const float* input, float* output,
                                  int64_t size) {
  if (norm.kind != DecodeNorm::none) {
    scale_vector<T>(norm, scale_of_vector(norm, input, size), input, output, size);
  } else if (input != output) {
    along(size, [&](auto i) { store(output, i, load<float>(input, i)); });
  }
}

IPEX_WITHIN float sigmoid(float x) { return 1 / (1 + math::exp(-x)); }

IPEX_WITHIN float activate(DecodeActivation activation, float x, float limit) {
  switch (activation) {
    case DecodeActivation::clamped_swish: {
      constexpr float alpha = 1.702f;
      const float clamped = sycl::fmin(x, limit);
      return clamped * sigmoid(alpha * clamped);
    }
    case DecodeActivation::silu:
      return x * sigmoid(x);
    case DecodeActivation::gelu:
      return op::gelu<float>{}(x);
    case DecodeActivation::gelu_tanh: {
      constexpr float root = 0.7978845608028654f;  // of 2 / pi
      return 0.5f * x * (1 + math::tanh(root * (x + 0.044715f * x * x * x)));
    }
    case DecodeActivation::relu:
      return x > 0 ? x : 0.0f;
    case DecodeActivation::relu_squared:
      return x > 0 ? x * x : 0.0f;
    default:
      return x;
  }
}

}  // namespace ipex::kernels

// Operations of reductions; see kernels/reduce.hpp for what each must have. T is the type of the computation.
#pragma once

#include "kernels/core/fault.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/twofold.hpp"
#include "kernels/reduce_params.hpp"

namespace ipex::kernels {

template <class T>
struct NumberOfPack {
  using type = T;
};
template <class T, int N>
struct NumberOfPack<Pack<T, N>> {
  using type = T;
};
template <class T>
using NumberOf = typename NumberOfPack<T>::type;

// One element of a reduction as an operation sees it; where T is a pack, the first of as many: neighbours in
// the inputs, of one result or (AcrossOutputs) each of the next result.
template <class In, bool AcrossOutputs = false>
struct ReduceElement {
  using Type = In;
  const ReduceParams& params;
  int64_t offset;  // in the inputs
  int64_t output;  // offset of the result it goes into
  int64_t index;   // number among the elements of that result

  template <class T>
  T value(int input = 0) const {
    const auto* place = static_cast<const In*>(params.inputs[input]) + offset;
    if constexpr (is_pack_v<T>) {
      return load_pack<T>(place);
    } else {
      return cast<T>(*place);
    }
  }
  // The value; lanes of one result have that of the first.
  template <class T>
  T first_value() const {
    if constexpr (is_pack_v<T> && AcrossOutputs) {
      return value<T>();
    } else {
      return T(value<NumberOf<T>>());
    }
  }
  // What context `k`, if there is one, has for this element's number.
  template <class T>
  T of_index(int k, T otherwise) const {
    const auto* values = context<NumberOf<T>>(k);
    if (values == nullptr) return otherwise;
    if constexpr (is_pack_v<T> && !AcrossOutputs) {
      return load_pack<T>(values + index);
    } else {
      return T(values[index]);
    }
  }
  // What context `k` has for the result; `share` neighbouring results have one value.
  template <class T>
  T of_output(int k, int64_t share) const {
    const auto* values = context<NumberOf<T>>(k);
    const auto at = [&](int64_t place) { return values[share == 1 ? place : place / share]; };
    if constexpr (AcrossOutputs) {
      T result;
      for (int lane = 0; lane < T::count; ++lane) {
        result.lanes[lane] = at(output + lane * params.kept.output[0]);
      }
      return result;
    } else {
      return T(at(output));
    }
  }
  template <class T>
  const T* context(int k) const {
    return static_cast<const T*>(params.context[k]);
  }
};

namespace op {

// An operation that needs no more than one P: chains are partial results.
template <class P>
struct OneAccumulator {
  using Chain = P;
  using Partial = P;
  Partial partial(Chain chain) const { return chain; }
};

// Accumulators are exchanged in whole words: narrow integers are kept as int32_t.
template <class T>
using word_t = std::conditional_t<is_integral_v<T> && sizeof(T) < 4, int32_t, T>;

template <class T>
struct sum : OneAccumulator<word_t<T>> {
  using W = word_t<T>;
  W start() const { return W(0); }
  template <class Element>
  void fold(W& chain, const Element& element) const {
    chain += element.template value<T>();
  }
  W combine(W a, W b) const { return a + b; }
  template <int>
  T finish(W total, int64_t) const {
    return static_cast<T>(total);
  }
};

template <class T>
struct mean : sum<T> {
  template <int>
  T finish(T total, int64_t count) const {
    return total / T(static_cast<real_t<T>>(count));
  }
};

template <class T>
struct nansum : sum<T> {
  template <class Element>
  void fold(T& chain, const Element& element) const {
    const T value = element.template value<T>();
    chain += select(is_nan(value), T(0), value);
  }
};

template <class T>
struct prod : OneAccumulator<twofold_t<word_t<T>>> {
  using W = twofold_t<word_t<T>>;
  W start() const { return W(1); }
  template <class Element>
  void fold(W& chain, const Element& element) const {
    multiply_by(chain, static_cast<word_t<T>>(element.template value<T>()));
  }
  W partial(W chain) const { return carried(chain); }
  W combine(W a, W b) const { return a * b; }
  template <int>
  T finish(W product, int64_t) const {
    return static_cast<T>(rounded(product));
  }
};

template <class T, bool Largest>
struct bound : OneAccumulator<word_t<T>> {
  using W = word_t<T>;
  W start() const { return Largest ? limits<T>::lower_bound() : limits<T>::upper_bound(); }
  template <class Element>
  void fold(W& chain, const Element& element) const {
    chain = combine(chain, static_cast<W>(element.template value<T>()));
  }
  W combine(W a, W b) const { return Largest ? math::maximum(a, b) : math::minimum(a, b); }
  template <int>
  T finish(W value, int64_t) const {
    return static_cast<T>(value);
  }
};
template <class T>
struct amax : bound<T, true> {};
template <class T>
struct amin : bound<T, false> {};

template <class T>
struct Extremes {
  T low, high;
};

template <class T>
struct aminmax : OneAccumulator<Extremes<word_t<T>>> {
  using E = Extremes<word_t<T>>;
  E start() const { return {amin<T>{}.start(), amax<T>{}.start()}; }
  template <class Element>
  void fold(E& chain, const Element& element) const {
    amin<T>{}.fold(chain.low, element);
    amax<T>{}.fold(chain.high, element);
  }
  E combine(E a, E b) const { return {math::minimum(a.low, b.low), math::maximum(a.high, b.high)}; }
  template <int K>
  T finish(E extremes, int64_t) const {
    return static_cast<T>(K == 0 ? extremes.low : extremes.high);
  }
};

template <class T>
struct Located {
  T value;
  int64_t index;
};

// The best value and where it is first. Larger says which of two numbers is better; NaN is better than any.
template <class T, bool Larger>
struct extreme : OneAccumulator<Located<word_t<T>>> {
  using W = word_t<T>;
  using L = Located<W>;
  L start() const {
    return {static_cast<W>(Larger ? limits<T>::lower_bound() : limits<T>::upper_bound()),
            limits<int64_t>::max()};
  }
  template <class Element>
  void fold(L& chain, const Element& element) const {
    chain = combine(chain, {static_cast<W>(element.template value<T>()), element.index});
  }
  L combine(L a, L b) const {
    const bool better =
        (Larger ? b.value > a.value : b.value < a.value) || (is_nan(b.value) && !is_nan(a.value));
    const bool equal = b.value == a.value || (is_nan(b.value) && is_nan(a.value));
    return better || (equal && b.index < a.index) ? b : a;
  }
};

// Value, then index.
template <class T, bool Larger>
struct extreme_and_place : extreme<T, Larger> {
  template <int K>
  auto finish(Located<word_t<T>> best, int64_t) const {
    if constexpr (K == 0) {
      return static_cast<T>(best.value);
    } else {
      return best.index;
    }
  }
};
template <class T>
struct max : extreme_and_place<T, true> {};
template <class T>
struct min : extreme_and_place<T, false> {};

template <class T, bool Larger>
struct place_of_extreme : extreme<T, Larger> {
  template <int>
  int64_t finish(Located<word_t<T>> best, int64_t) const {
    return best.index;
  }
};
template <class T>
struct argmax : place_of_extreme<T, true> {};
template <class T>
struct argmin : place_of_extreme<T, false> {};

// Starts as All; another truth decides.
template <class T, bool All>
struct truth : OneAccumulator<int32_t> {
  int32_t start() const { return All; }
  template <class Element>
  void fold(int32_t& chain, const Element& element) const {
    chain = combine(chain, cast<bool>(element.template value<T>()));
  }
  int32_t combine(int32_t a, int32_t b) const { return All ? a & b : a | b; }
  template <int>
  bool finish(int32_t result, int64_t) const {
    return result != 0;
  }
};
template <class T>
struct all : truth<T, true> {};
template <class T>
struct any : truth<T, false> {};

template <class T>
struct count_nonzero : OneAccumulator<int64_t> {
  int64_t start() const { return 0; }
  template <class Element>
  void fold(int64_t& chain, const Element& element) const {
    chain += cast<bool>(element.template value<T>());
  }
  int64_t combine(int64_t a, int64_t b) const { return a + b; }
  template <int>
  int64_t finish(int64_t total, int64_t) const {
    return total;
  }
};

// Mean and sum of squared deviations. A chain sums distances to the first element, which needs no division
// and loses nothing to a large mean; partial results are joined by the formula of Chan, Golub and LeVeque
// (1979).
template <class T>
struct Moments {
  T mean, squares, count;
};

template <class T>
struct moments {
  struct Chain {
    T origin, sum, squares, count;
  };
  using Partial = Moments<T>;

  Chain start() const { return {T(0), T(0), T(0), T(0)}; }
  template <class Element>
  Chain start_at(const Element& element) const {
    return {element.template first_value<T>(), T(0), T(0), T(0)};
  }
  template <class Element>
  void fold(Chain& chain, const Element& element) const {
    const T distance = element.template value<T>() - chain.origin;
    chain.sum += distance;
    chain.squares += distance * distance;
    chain.count += T(1);
  }
  Partial partial(Chain chain) const {
    const T shift = select(chain.count == T(0), T(0), chain.sum / chain.count);
    const T squares = chain.squares - chain.sum * shift;
    return {chain.origin + shift, select(squares < T(0), T(0), squares), chain.count};
  }
  Partial combine(Partial a, Partial b) const {
    const T count = a.count + b.count;
    const T weight = select(count == T(0), T(0), b.count / count);
    const T distance = b.mean - a.mean;
    // From either side alike, whichever of the two is empty.
    const T mean =
        select(a.count == T(0), b.mean, select(b.count == T(0), a.mean, a.mean + distance * weight));
    return {mean, a.squares + b.squares + distance * distance * a.count * weight, count};
  }
};

// Variance with a correction, then the mean.
template <class T>
struct variance : moments<T> {
  T correction;
  template <int K>
  T finish(Moments<T> result, int64_t count) const {
    if constexpr (K == 1) return count == 0 ? limits<T>::quiet_nan() : result.mean;
    const T degrees = static_cast<T>(count) - correction;
    return result.squares / (degrees > T(0) ? degrees : T(0));
  }
};

template <class T>
struct deviation : variance<T> {
  template <int K>
  T finish(Moments<T> result, int64_t count) const {
    const T value = variance<T>::template finish<K>(result, count);
    return K == 0 ? math::sqrt(value) : value;
  }
};

// Magnitudes of real or complex elements.
template <class T, class Element>
inline T magnitude(const Element& element) {
  if constexpr (is_complex_v<typename Element::Type>) {
    return math::abs(element.template value<complex<T>>());
  } else {
    return math::fabs(element.template value<T>());
  }
}

template <class T>
struct norm_one : sum<T> {
  template <class Element>
  void fold(T& chain, const Element& element) const {
    chain += magnitude<T>(element);
  }
};

template <class T>
struct norm_two : sum<T> {
  template <class Element>
  void fold(T& chain, const Element& element) const {
    if constexpr (is_complex_v<typename Element::Type>) {
      const auto value = element.template value<complex<T>>();
      chain += value.real * value.real + value.imag * value.imag;
    } else {
      const T value = element.template value<T>();
      chain += value * value;
    }
  }
  template <int>
  T finish(T total, int64_t) const {
    return math::sqrt(total);
  }
};

template <class T>
struct norm_zero : sum<T> {
  template <class Element>
  void fold(T& chain, const Element& element) const {
    chain += cast<bool>(element.template value<typename Element::Type>()) ? T(1) : T(0);
  }
};

template <class T>
struct norm_power : sum<T> {
  T exponent;
  template <class Element>
  void fold(T& chain, const Element& element) const {
    chain += sycl::pow(magnitude<T>(element), exponent);
  }
  template <int>
  T finish(T total, int64_t) const {
    return sycl::pow(total, T(1) / exponent);
  }
};

template <class T>
struct norm_max : amax<T> {
  T start() const { return T(0); }
  template <class Element>
  void fold(T& chain, const Element& element) const {
    chain = math::maximum(chain, magnitude<T>(element));
  }
};

template <class T>
struct norm_min : amin<T> {
  template <class Element>
  void fold(T& chain, const Element& element) const {
    chain = math::minimum(chain, magnitude<T>(element));
  }
};

// The largest value and the sum of exponentials relative to it: what softmax needs of its inputs. A maximum
// that starts at a finite value keeps -inf from meeting -inf before the end.
template <class T>
struct ScaledSum {
  T largest, sum;
};

template <class T>
struct softmax_statistics : OneAccumulator<ScaledSum<T>> {
  using S = ScaledSum<T>;
  S start() const { return {limits<T>::lowest(), T(0)}; }
  template <class Element>
  void fold(S& chain, const Element& element) const {
    const T value = element.template value<T>();
    const T distance = value - chain.largest;
    const T scale = math::exp(-math::fabs(distance));
    const auto smaller = distance <= T(0);
    chain.sum = select(smaller, chain.sum + scale, chain.sum * scale + T(1));
    chain.largest = select(smaller, chain.largest, value);
  }
  S combine(S a, S b) const {
    const T largest = math::maximum(a.largest, b.largest);
    return {largest, a.sum * math::exp(a.largest - largest) + b.sum * math::exp(b.largest - largest)};
  }
  template <int K>
  T finish(S result, int64_t) const {
    return K == 0 ? result.largest : result.sum;
  }
};

template <class T>
struct log_softmax_statistics : softmax_statistics<T> {
  template <int K>
  T finish(ScaledSum<T> result, int64_t) const {
    return K == 0 ? result.largest : math::log(result.sum);
  }
};

// Sum of products of the two inputs.
template <class T>
struct dot : sum<T> {
  template <class Element>
  void fold(T& chain, const Element& element) const {
    chain += element.template value<T>(0) * element.template value<T>(1);
  }
};

// Sum or mean of a functor of the two inputs.
template <template <class> class F, class T>
struct sum_of : sum<T> {
  F<T> functor;
  template <class Element>
  void fold(T& chain, const Element& element) const {
    chain += functor(element.template value<T>(0), element.template value<T>(1));
  }
};

template <template <class> class F, class T>
struct mean_of : sum_of<F, T> {
  template <int>
  T finish(T total, int64_t count) const {
    return total / static_cast<T>(count);
  }
};

template <class T>
struct Pair {
  T first, second;
};

template <class T>
struct TwoSums : OneAccumulator<Pair<T>> {
  Pair<T> start() const { return {T(0), T(0)}; }
  Pair<T> combine(Pair<T> a, Pair<T> b) const { return {a.first + b.first, a.second + b.second}; }
  template <int K>
  T finish(Pair<T> sums, int64_t) const {
    return K == 0 ? sums.first : sums.second;
  }
};

// Of a normalization's channels: the sum of the gradient (input 0), and of the gradient times the distance of
// input 1 to the mean (context 0). integers[0] results share a mean.
template <class T>
struct channel_gradients : TwoSums<T> {
  template <class Element>
  void fold(Pair<T>& chain, const Element& element) const {
    const T gradient = element.template value<T>(0);
    const T mean = element.template of_output<T>(0, element.params.integers[0]);
    chain.first += gradient;
    chain.second += gradient * (element.template value<T>(1) - mean);
  }
};

// Of layer normalization's weight and bias, over its rows: contexts are each row's mean (null for RMS) and
// 1/deviation.
template <class T>
struct row_gradients : TwoSums<T> {
  template <class Element>
  void fold(Pair<T>& chain, const Element& element) const {
    const T gradient = element.template value<T>(0);
    const T mean = element.template of_index<T>(0, T(0));
    const T scale = element.template of_index<T>(1, T(1));
    chain.first += gradient * (element.template value<T>(1) - mean) * scale;
    chain.second += gradient;
  }
};

template <class T>
struct Losses {
  T sum, weight;
  bool wrong;  // whether a class did not exist
};

// Negative log likelihood of the classes that input 0 names; context 0 has the log-probabilities [batch,
// classes, positions] as In, context 1 the weights of the classes or null. integers: classes, positions, the
// class to ignore. A class that does not exist is a fault, and makes the loss NaN.
template <class In, class T>
struct nll_sum : OneAccumulator<Losses<T>> {
  Fault fault;
  Losses<T> start() const { return {T(0), T(0), false}; }
  void fold(Losses<T>& chain, const ReduceElement<int64_t>& element) const {
    const auto& integers = element.params.integers;
    const int64_t target = element.template value<int64_t>();
    if (target == integers[2]) return;
    if (target < 0 || target >= integers[0]) {
      chain.wrong = true;  // raised once at the end: to store here costs as much as all the rest
      return;
    }
    const In* weights = element.template context<In>(1);
    const T weight = weights == nullptr ? T(1) : cast<T>(weights[target]);
    const int64_t batch = integers[1] == 1 ? element.index : element.index / integers[1];
    const int64_t position = element.index - batch * integers[1];
    const int64_t offset = (batch * integers[0] + target) * integers[1] + position;
    chain.sum -= weight * cast<T>(element.template context<In>(0)[offset]);
    chain.weight += weight;
  }
  Losses<T> combine(Losses<T> a, Losses<T> b) const {
    return {a.sum + b.sum, a.weight + b.weight, a.wrong || b.wrong};
  }
  template <int K>
  T finish(Losses<T> losses, int64_t) const {
    if (K == 1) return losses.weight;
    if (!losses.wrong) return losses.sum;
    fault.raise();
    return limits<T>::quiet_nan();
  }
};

template <class In, class T>
struct nll_mean : nll_sum<In, T> {
  template <int K>
  T finish(Losses<T> losses, int64_t count) const {
    const T value = nll_sum<In, T>::template finish<K>(losses, count);
    return K == 0 ? value / losses.weight : value;
  }
};

}  // namespace op
}  // namespace ipex::kernels

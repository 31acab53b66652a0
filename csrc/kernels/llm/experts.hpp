// Mixtures of experts, and adapters of low rank: which matrices a row is multiplied with is known on the
// device alone. Only matrices that are chosen are read.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/rows.hpp"
#include "kernels/llm/experts_params.hpp"
#include "kernels/llm/row_sums.hpp"

namespace ipex::kernels {

// An expert and its logit; of two equal ones the first comes first.
struct Candidate {
  float logit;
  int32_t number;

  bool before(const Candidate& other) const {
    return logit > other.logit || (logit == other.logit && number < other.number);
  }
};

// The work-items that share a token: those of a sub-group, or one alone.
struct SubGroupTokens {
  SubGroupRows<float> rows;
  sycl::sub_group group = this_sub_group();

  int lane() const { return group.get_local_linear_id(); }
  int width() const { return group.get_local_linear_range(); }
  template <class T, class Combine>
  T combine(T value, Combine function) const {
    return combine_over(group, value, function);
  }
  // The sum of the values of work-items before this one.
  int32_t sum_before(int32_t value) const {
    return sycl::exclusive_scan_over_group(group, value, sycl::plus<int32_t>());
  }
};

struct SingleTokens {
  PackRows<float> rows;

  int lane() const { return 0; }
  int width() const { return 1; }
  template <class T, class Combine>
  T combine(T value, Combine) const {
    return value;
  }
  int32_t sum_before(int32_t) const { return 0; }
};

// The most probable experts of each token, by the softmax of its logits. What is not a number is never
// probable.
template <class In, class Tokens>
inline void choose_experts_by(const Tokens& tokens, const RoutingParams& params) {
  tokens.rows.for_jobs(params.tokens, [&](int64_t token) {
    const In* logits = static_cast<const In*>(params.logits) + token * params.experts;
    const auto logit = [&](int64_t i) {
      const float value = cast<float>(logits[i]);
      return is_nan(value) ? -limits<float>::infinity() : value;
    };
    const int lane = tokens.lane(), width = tokens.width();
    float largest = -limits<float>::infinity(), sum = 0.0f;
    for (int64_t i = lane; i < params.experts; i += width) largest = math::maximum(largest, logit(i));
    largest = tokens.combine(largest, [](float a, float b) { return math::maximum(a, b); });
    const float shift = largest == -limits<float>::infinity() ? 0.0f : largest;
    for (int64_t i = lane; i < params.experts; i += width) sum += math::exp(logit(i) - shift);
    sum = tokens.combine(sum, [](float a, float b) { return a + b; });
    Candidate last{limits<float>::infinity(), -1};
    float kept = 0.0f;
    float* weights = params.weights + token * params.chosen;
    for (int64_t rank = 0; rank < params.chosen; ++rank) {
      Candidate best{-limits<float>::infinity(), static_cast<int32_t>(params.experts)};
      for (int64_t i = lane; i < params.experts; i += width) {
        const Candidate candidate{logit(i), static_cast<int32_t>(i)};
        if (last.before(candidate) && candidate.before(best)) best = candidate;
      }
      best = tokens.combine(best, [](Candidate a, Candidate b) { return a.before(b) ? a : b; });
      last = best;
      const float weight = sum == 0.0f ? 0.0f : math::exp(best.logit - shift) / sum;
      kept += weight;
      if (lane == 0) {
        weights[rank] = weight;
        params.numbers[token * params.chosen + rank] = best.number;
      }
    }
    if (params.normalize && lane == 0 && kept != 0.0f) {
      for (int64_t rank = 0; rank < params.chosen; ++rank) weights[rank] = weights[rank] / kept;
    }
  });
}

// How many tokens each expert has, and which one of them each is: in the order of tokens, so that results
// repeat.
template <class Tokens>
inline void count_tokens_by(const Tokens& tokens, const RoutingParams& params) {
  const int64_t all = params.tokens * params.chosen;
  tokens.rows.for_jobs(params.experts, [&](int64_t expert) {
    int32_t count = 0;
    const int lane = tokens.lane(), width = tokens.width();
    for (int64_t first = 0; first < all; first += width) {
      const int64_t i = first + lane;
      const int32_t own = i < all && params.numbers[i] == expert ? 1 : 0;
      const int32_t before = tokens.sum_before(own);
      if (own != 0) params.places[i] = count + before;
      count += tokens.combine(own, [](int32_t a, int32_t b) { return a + b; });
    }
    if (lane == 0) params.counts[expert] = count;
  });
}

template <class In>
IPEX_KERNEL void choose_experts(RoutingParams params) {
  choose_experts_by<In>(SubGroupTokens(), params);
}
template <class In>
IPEX_KERNEL_OF_ONE void choose_experts_by_packs(RoutingParams params) {
  choose_experts_by<In>(SingleTokens(), params);
}
IPEX_KERNEL void count_tokens(RoutingParams params) { count_tokens_by(SubGroupTokens(), params); }
IPEX_KERNEL_OF_ONE void count_tokens_by_packs(RoutingParams params) {
  count_tokens_by(SingleTokens(), params);
}

constexpr int chosen_rows = 8;      // rows that share a matrix and are multiplied with it together
constexpr int chosen_columns = 16;  // of a job

// Products of `count` rows, at most `Count`, with some columns of one matrix.
template <int Count, class In, class Matrix, class Out, class Rows>
inline void multiply_rows(const Rows& rows, const ChosenProductsParams& params, int64_t row, int count,
                          int64_t choice, int64_t first_column, int64_t end_column) {
  const In* input[Count];
#pragma unroll
  for (int r = 0; r < Count; ++r) {
    input[r] = static_cast<const In*>(params.input) + (row + (r < count ? r : 0)) * params.input_stride;
  }
  const Matrix* matrix = static_cast<const Matrix*>(params.matrices) + choice * params.matrix_stride;
  for (int64_t column = first_column; column < end_column; ++column) {
    const Matrix* weights = matrix + column * params.column_stride;
    RowSums<Count> sums;
    rows.for_each(params.depth, [&](auto i) {
      const auto weight = load<float>(weights, i);
#pragma unroll
      for (int r = 0; r < Count; ++r) sums.add_product(r, load<float>(input[r], i), weight);
    });
    float totals[Count];
    total_rows(rows, sums.packs, sums.singles, totals);
#pragma unroll
    for (int r = 0; r < Count; ++r) {
      const float sum = totals[r] * params.scale;
      if (r >= count || !rows.writes()) continue;
      Out& output = static_cast<Out*>(params.output)[(row + r) * params.output_stride + column];
      output = cast<Out>(params.add ? cast<float>(output) + sum : sum);
    }
  }
}

template <class In, class Matrix, class Out, class Rows>
inline void chosen_products_by(const Rows& rows, const ChosenProductsParams& params) {
  const int64_t tiles = (params.rows + chosen_rows - 1) / chosen_rows;
  rows.for_jobs(tiles * params.column_blocks, [&](int64_t job) {
    const int64_t tile = job / params.column_blocks, block = job - tile * params.column_blocks;
    const int64_t first_column = block * chosen_columns;
    const int64_t end_column = sycl::min(first_column + chosen_columns, params.columns);
    int64_t row = tile * chosen_rows;
    const int64_t end = sycl::min(row + chosen_rows, params.rows);
    while (row < end) {
      const int64_t choice = params.choices[row];
      int count = 1;
      while (row + count < end && params.choices[row + count] == choice) ++count;
      if (choice >= 0 && choice < params.choice_count) {
        if (count == 1) {
          multiply_rows<1, In, Matrix, Out>(rows, params, row, 1, choice, first_column, end_column);
        } else {
          multiply_rows<chosen_rows, In, Matrix, Out>(rows, params, row, count, choice, first_column,
                                                      end_column);
        }
      } else if (!params.add) {
        for (int r = 0; r < count; ++r) {
          Out* output = static_cast<Out*>(params.output) + (row + r) * params.output_stride + first_column;
          rows.for_each(end_column - first_column,
                        [&](auto i) { store(output, i, decltype(load<float>(output, i))(0.0f)); });
        }
      }
      row += count;
    }
  });
}

template <class In, class Matrix, class Out>
IPEX_KERNEL void chosen_products(ChosenProductsParams params) {
  chosen_products_by<In, Matrix, Out>(SubGroupRows<float>(), params);
}
template <class In, class Matrix, class Out>
IPEX_KERNEL_OF_ONE void chosen_products_by_packs(ChosenProductsParams params) {
  chosen_products_by<In, Matrix, Out>(PackRows<float>(), params);
}

}  // namespace ipex::kernels

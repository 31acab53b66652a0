#pragma once

namespace ipex::runtime {

// How oneDNN may compute matrix products and convolutions of float32 tensors. The values are those Python
// shows.
enum class Fp32MathMode : int { FP32 = 0, TF32 = 1, BF32 = 2 };

// Of the whole process. Starts as IPEX_FP32_MATH_MODE says (FP32, TF32 or BF32), else FP32; throws if the
// variable holds anything else.
Fp32MathMode fp32_math_mode();
void set_fp32_math_mode(Fp32MathMode mode);

}  // namespace ipex::runtime

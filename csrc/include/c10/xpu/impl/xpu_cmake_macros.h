#pragma once
// c10/xpu asks for this header, which PyTorch's wheel for the CPU leaves out.
#define C10_XPU_BUILD_SHARED_LIBS

// Elementwise kernels of gated activations.
#pragma once

#include "kernels/elementwise.hpp"
#include "kernels/functors/gated.hpp"

// Elementwise kernels of special functions: a module of its own, so that others need not read these functors.
#pragma once

#include "kernels/elementwise.hpp"
#include "kernels/functors/bessel.hpp"
#include "kernels/functors/gamma.hpp"
#include "kernels/functors/orthogonal.hpp"
#include "kernels/functors/parts.hpp"
#include "kernels/functors/probability.hpp"

// Everything for extensions.
#pragma once

#include <ipex/elementwise.h>
#include <ipex/kernels.h>
#include <ipex/reduction.h>
#include <ipex/stream.h>

#pragma once

#include <c10/util/FunctionRef.h>

#include <bitset>

#include "aten/elements.h"

namespace ipex::aten {

// Copies operand 1 to operand 0, of one element size, unless an elementwise kernel does it better: false, and
// nothing done, on devices other than CPUs and for elements that all follow each other.
bool copy_strided(const Elements& elements);

using OperandSet = std::bitset<Elements::max_operands>;

// Calls function(part) for all parts of `elements`, so small that copies of them stay in the caches; in a
// part the operands of `copied`, which are only read and have elements of up to 8 bytes, are dense copies. On
// CPUs.
void with_dense_copies(const Elements& elements, OperandSet copied,
                       c10::function_ref<void(const Elements&)> function);

}  // namespace ipex::aten

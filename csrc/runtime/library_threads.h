#pragma once

namespace ipex::runtime {

// For libraries that run on the CPU device. Kernels and libraries are in separate arenas of TBB, and a thread
// that has run out of the work of one waits there for more before it moves to the other: so there are twice
// as many threads. Does nothing after the first call.
void add_library_threads();

}  // namespace ipex::runtime

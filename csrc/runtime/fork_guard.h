#pragma once

namespace ipex::runtime {

// SYCL does not survive fork(). The parent calls mark_started() when it first touches a driver; in a child
// forked after that, in_bad_fork() is true and every use of a device throws.
void mark_started();
bool started() noexcept;
bool in_bad_fork() noexcept;
void check_fork();  // throws in a bad fork

}  // namespace ipex::runtime

#include "jit/counters.h"

namespace ipex::jit {

Counters& counters() {
  static Counters all;
  return all;
}

}  // namespace ipex::jit

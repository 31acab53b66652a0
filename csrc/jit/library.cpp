#include "jit/library.h"

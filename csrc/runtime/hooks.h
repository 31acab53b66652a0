#pragma once

namespace ipex::runtime {

// False if PyTorch asked for the XPU hooks before this library was loaded and keeps its placeholder: then
// torch.accelerator, torch.Generator("xpu") and pinned memory do not see the device. The remedy is to import
// the package first.
bool hooks_installed();

}  // namespace ipex::runtime

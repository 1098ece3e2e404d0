// Named crash points for the crash suite (tests/e2e/crash). A point does nothing unless the process
// was armed with CCP_FAULT=<point>[:<nth hit>] in dev mode; then it kills the process with SIGKILL,
// as a power cut would.
#pragma once

#include <string_view>

namespace ccp {

/// Arms from the environment; called once by `ccpd` in dev mode only.
void armFaults();
void faultPoint(std::string_view name) noexcept;

}  // namespace ccp

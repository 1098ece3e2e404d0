// For what threads do in their own time: looks every 10 ms, for ten seconds at most.
#pragma once

#include <chrono>
#include <thread>

namespace ccp::test {

/// Whether `check()` came to hold. Real time: what has threads of its own does not live by a test's
/// clock.
template <class Check>
bool soon(Check check) {
  for (int i = 0; i < 1000; ++i) {
    if (check()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace ccp::test

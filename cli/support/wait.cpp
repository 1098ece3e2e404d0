#include "cli/support/wait.hpp"

#include <thread>

namespace ccp::cli {

std::function<void(Duration)>& waiter() {
  static std::function<void(Duration)> instance = [](Duration d) {
    std::this_thread::sleep_for(d);
  };
  return instance;
}

}  // namespace ccp::cli

// Waiting between polls, behind a function so that tests do not sleep.
#pragma once

#include <functional>

#include "core/base/time.hpp"

namespace ccp::cli {

/// Sleeps for `d`. Tests replace it.
std::function<void(Duration)>& waiter();

}  // namespace ccp::cli

// The first load of a library happens in a process that is thrown away: constructors of the library run
// there, confined, before the server or an instance's process is bound to them.
// Threads: any; blocks for up to `patience`.
#pragma once

#include <string>

#include "core/base/error.hpp"
#include "core/base/time.hpp"
#include "core/isolation/facts.hpp"

namespace ccp::isolation {

/// What the library on `library_fd` (a sealed memfd) says about itself. `plugin_refused` says why it cannot
/// be loaded: not a library, no entry, a crash in a constructor, no answer in time.
Result<Facts> probe(const std::string& program, int library_fd, Duration patience = seconds(10));

}  // namespace ccp::isolation

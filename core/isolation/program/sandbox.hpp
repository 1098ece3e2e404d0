// What the process gives up before the first byte of a plugin runs, constructors included: resources,
// descriptors, files, network, other processes. Irreversible; called once, with one thread.
// Built with a sanitizer, the address space is not limited (shadow memory is terabytes of it).
#pragma once

#include <cstdint>
#include <string>

#include "core/base/error.hpp"

namespace ccp::isolation {

struct SandboxOptions {
  int keep_fds = 5;  ///< 0..4: none, output, errors, socket, library
  int socket_fd = 3;
  int library_fd = 4;
  std::uint64_t memory_bytes = 0;  ///< address space; 0: no limit
};

/// What is in force, for the log: "rlimits, landlock 7, seccomp". A kernel without Landlock still gets the
/// rest; without seccomp nothing runs (`unsupported` text in an io_error).
Result<std::string> confine(const SandboxOptions& options);

}  // namespace ccp::isolation

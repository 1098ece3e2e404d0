// Small file helpers with CCP's error texts. Writing is atomic: temp file, fsync, rename.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace ccp {

/// Whole file, at most `max_bytes`; `io_error` names the path and the reason.
Result<std::string> readFile(const std::string& path, std::size_t max_bytes = 16u << 20);
/// Writes a temporary file beside `path` with `mode`, fsyncs, renames over it, fsyncs the folder.
Status writeFileAtomic(const std::string& path, std::string_view content, mode_t mode = 0644);
/// mkdir -p with `mode` for the folders it makes.
Status makeDirectories(const std::string& path, mode_t mode = 0755);
bool fileExists(const std::string& path) noexcept;

}  // namespace ccp

// Finds Claude Code transcripts and reads them as streams, several files at once.
// Threads: readTranscripts() starts its own and ends them before it returns; `sink` runs in the
// caller's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/support/transcript.hpp"
#include "core/base/error.hpp"

namespace ccp::cli {

/// What identifies one version of a file.
struct TranscriptFile {
  std::string path;  ///< canonical
  std::int64_t size = 0;
  std::int64_t mtime_ns = 0;
};

struct LineCounts {
  std::int64_t lines = 0, usage = 0, synthetic = 0, disqualified = 0, malformed = 0, oversized = 0;
  LineCounts& operator+=(const LineCounts& other) noexcept;
};

struct FileUsage {
  TranscriptFile file;
  LineCounts counts;
  std::vector<UsageRecord> records;  ///< one per message id and request id
  std::string error = {};            ///< not empty: the file could not be read
};

/// Every *.jsonl below `root` (of `root`/projects when there is such a folder), or `root` itself
/// when it is a file; sorted by path. `not_found` when there is no such place. Links to folders are
/// not followed.
Result<std::vector<TranscriptFile>> findTranscripts(const std::string& root);

/// Longest line that is looked at; a longer one is counted as oversized and skipped.
inline constexpr std::size_t kMaxLineBytes = 64u << 20;

FileUsage readTranscript(const TranscriptFile& file, std::size_t max_line = kMaxLineBytes);

/// Reads all files with `threads` threads; `sink` gets them as they become ready, in no order. It
/// may return false to stop.
void readTranscripts(const std::vector<TranscriptFile>& files, unsigned threads,
                     const std::function<bool(FileUsage&&)>& sink);

}  // namespace ccp::cli

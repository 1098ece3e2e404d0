// Commands about usage: import transcripts, look at them, send their hourly sums. Each returns the
// exit code, or the Failure that the caller prints.
#pragma once

#include <string>
#include <vector>

#include "cli/support/context.hpp"
#include "cli/support/failure.hpp"
#include "cli/support/usage_store.hpp"

namespace ccp::cli {

struct ImportOptions {
  std::vector<std::string>
      folders;       ///< empty: CLAUDE_CONFIG_DIR, or Claude Code's two usual places
  bool all = false;  ///< read unchanged files again
};
Outcome<int> runImport(const Context& context, const ImportOptions& options);

struct UsageOptions {
  std::string by = "both";   ///< day, model, both
  std::string since, until;  ///< see parseDayOption(); empty: open
  std::string timezone = "UTC";
  bool csv = false;
};
Outcome<int> runUsage(const Context& context, const UsageOptions& options);

struct ExportOptions {
  std::string since;
  bool dry_run = false;
  bool replace = false;  ///< send hours that the server refused as conflicting with a new revision
};
Outcome<int> runExportRollups(const Context& context, const ExportOptions& options);

struct SampleOptions {
  std::string folder;
  int days = 8;
  long long seed = 1;
  std::string now;  ///< RFC 3339; empty: the clock's
};
Outcome<int> runSampleTranscripts(const Context& context, const SampleOptions& options);

/// The usage store of this person: <data_dir>/usage.db.
Result<UsageStore> openUsage(const Context& context);

}  // namespace ccp::cli

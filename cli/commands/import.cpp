// ccp import: reads Claude Code transcripts into the local usage store.
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>
#include <thread>

#include "cli/commands/usage.hpp"
#include "cli/support/output.hpp"
#include "cli/support/text_table.hpp"
#include "cli/support/transcript_reader.hpp"
#include "core/base/file.hpp"

namespace ccp::cli {
namespace {

/// Where Claude Code keeps transcripts (contracts.md 9): CLAUDE_CONFIG_DIR, or its two usual
/// places.
std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
}

std::vector<std::string> usualPlaces() {
  std::vector<std::string> out;
  if (const auto named = variable("CLAUDE_CONFIG_DIR")) {
    for (std::size_t begin = 0; begin <= named->size();) {
      const auto end = std::min(named->find(',', begin), named->size());
      if (end > begin) out.push_back(named->substr(begin, end - begin));
      begin = end + 1;
    }
    return out;
  }
  const auto home = variable("HOME");
  if (!home) return out;
  const auto config = variable("XDG_CONFIG_HOME").value_or(*home + "/.config");
  for (const auto& place : {config + "/claude", *home + "/.claude"}) {
    if (fileExists(place + "/projects")) out.push_back(place);
  }
  return out;
}

struct Tally {
  std::int64_t files = 0, unchanged = 0, read = 0, unreadable = 0;
  LineCounts lines;
};

Json resultJson(const Tally& tally, const ApplyResult& applied, const StoreTotals& totals) {
  const auto n = [](std::int64_t v) { return Json(static_cast<long long>(v)); };
  return Json::object({{"files", n(tally.files)},
                       {"files_unchanged", n(tally.unchanged)},
                       {"files_read", n(tally.read)},
                       {"files_unreadable", n(tally.unreadable)},
                       {"lines", n(tally.lines.lines)},
                       {"usage_lines", n(tally.lines.usage)},
                       {"malformed_lines", n(tally.lines.malformed)},
                       {"oversized_lines", n(tally.lines.oversized)},
                       {"disqualified_lines", n(tally.lines.disqualified)},
                       {"synthetic_lines", n(tally.lines.synthetic)},
                       {"new_responses", n(applied.new_messages)},
                       {"changed_blocks", n(applied.changed_blocks)},
                       {"responses", n(totals.messages)},
                       {"rollups", n(totals.blocks)}});
}

void tell(const Context& context, const Tally& tally, const ApplyResult& applied,
          const StoreTotals& totals) {
  say(context, "Read " + withThousands(tally.read) + " of " + withThousands(tally.files) +
                   " transcripts (" + withThousands(tally.unchanged) + " unchanged), " +
                   withThousands(tally.lines.lines) + " lines.");
  say(context, "  " + withThousands(applied.new_messages) + " new API responses; the store has " +
                   withThousands(totals.messages) + " in " + withThousands(totals.blocks) +
                   " hourly rollups.");
  const auto skipped = [&](std::int64_t n, const char* what) {
    if (n > 0) say(context, "  Skipped " + withThousands(n) + " " + what);
  };
  skipped(tally.lines.malformed, "malformed lines.");
  skipped(tally.lines.oversized, "lines longer than 64 MiB.");
  skipped(tally.lines.disqualified,
          "lines whose usage has no usable id, model, version, time or count.");
  skipped(tally.lines.synthetic, "local error messages (they are no API responses).");
  skipped(tally.unreadable, "files that could not be read.");
  say(context, "  Next: `ccp usage` shows it, `ccp export rollups` sends it.");
}

}  // namespace

Result<UsageStore> openUsage(const Context& context) {
  return UsageStore::open(context.data_dir + "/usage.db");
}

Outcome<int> runImport(const Context& context, const ImportOptions& options) {
  auto places = options.folders;
  const bool named = !places.empty();
  if (!named) places = usualPlaces();
  if (places.empty()) {
    return failed(Errc::not_found, "There are no Claude Code transcripts in their usual places.",
                  "Name a folder: ccp import DIR");
  }
  std::vector<TranscriptFile> files;
  std::set<std::string> seen;
  for (const auto& place : places) {
    CLI_TRY(auto found, findTranscripts(place));
    for (auto& file : found) {
      if (seen.insert(file.path).second) files.push_back(std::move(file));
    }
  }
  if (files.empty()) {
    return failed(Errc::not_found,
                  "There is no transcript (*.jsonl) in " + places.front() +
                      (places.size() > 1 ? " and the other folders." : "."),
                  "Name the folder that holds `projects`, or a folder with transcripts.");
  }

  CLI_TRY(auto store, openUsage(context));
  CLI_TRY(const auto known, store.knownFiles());
  Tally tally;
  tally.files = static_cast<std::int64_t>(files.size());
  std::int64_t bytes = 0;
  const bool again = options.all;
  std::erase_if(files, [&](const TranscriptFile& file) {
    const auto before = known.find(file.path);
    const bool same = !again && before != known.end() && before->second.size == file.size &&
                      before->second.mtime_ns == file.mtime_ns;
    if (!same) bytes += file.size;
    return same;
  });
  tally.unchanged = tally.files - static_cast<std::int64_t>(files.size());

  CLI_CHECK(store.begin());
  Status added;
  std::int64_t done = 0;
  Progress progress(context, "Reading transcripts");
  // Threads cost more than they bring for a few small files.
  const unsigned threads =
      bytes < (4 << 20) ? 1 : std::min(4u, std::max(1u, std::thread::hardware_concurrency()));
  readTranscripts(files, threads, [&](FileUsage&& usage) {
    tally.lines += usage.counts;
    done += usage.file.size;
    progress.update(done >> 20, bytes >> 20, "MiB");
    if (!usage.error.empty()) {
      ++tally.unreadable;
      hint(context, "Warning: " + printable(usage.error));
      return true;
    }
    ++tally.read;
    added = store.add(usage);
    return added.has_value();
  });
  progress.clear();
  CLI_CHECK(std::move(added));
  CLI_TRY(const auto applied, store.finish());
  CLI_TRY(const auto totals, store.totals());
  if (context.json) context.emit(resultJson(tally, applied, totals));
  tell(context, tally, applied, totals);
  return tally.unreadable > 0 ? kCheckFailed : kOk;
}

}  // namespace ccp::cli

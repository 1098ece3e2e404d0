// Finding and streaming transcript files.
#include "cli/support/transcript_reader.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>

#include "tests/unit/cli/support.hpp"

namespace ccp::cli {
namespace {

using test::TempDir;
using test::usageLine;

std::vector<std::string> names(const std::vector<TranscriptFile>& files) {
  std::vector<std::string> out;
  for (const auto& file : files) out.push_back(file.path.substr(file.path.rfind('/') + 1));
  std::sort(out.begin(), out.end());
  return out;
}

FileUsage readText(const std::string& text, std::size_t max_line = kMaxLineBytes) {
  const TempDir dir;
  const auto files = findTranscripts(dir.write("a.jsonl", text));
  REQUIRE(files.has_value());
  return readTranscript(files->front(), max_line);
}

}  // namespace

TEST_CASE(
    "transcripts are found below the config root, below projects, below any folder, and as a "
    "file") {
  const TempDir dir;
  dir.write("claude/projects/p/one.jsonl", "");
  dir.write("claude/projects/p/one/subagents/agent-a.jsonl", "");
  dir.write("claude/projects/p/notes.json", "");
  dir.write("claude/todos/other.jsonl", "");
  const std::vector<std::string> both{"agent-a.jsonl", "one.jsonl"};
  for (const char* place : {"claude", "claude/projects", "claude/projects/p"}) {
    CAPTURE(place);
    const auto found = findTranscripts(dir / place);
    REQUIRE(found.has_value());
    CHECK(names(*found) == both);
  }
  CHECK(findTranscripts(dir / "claude/projects/p/one.jsonl")->size() == 1);
  CHECK(findTranscripts(dir / "nowhere").error().code == Errc::not_found);
}

TEST_CASE("a link back up does not loop") {
  const TempDir dir;
  dir.write("projects/p/one.jsonl", "");
  REQUIRE(::symlink(dir.path().c_str(), (dir / "projects/p/up").c_str()) == 0);
  CHECK(findTranscripts(dir.path())->size() == 1);
}

TEST_CASE("one response in several lines is one record, the largest") {
  const auto usage = readText(
      usageLine("a", "2026-02-10T10:00:00Z", 1, 1) + usageLine("a", "2026-02-10T10:00:01Z", 1, 9) +
      usageLine("b", "2026-02-10T10:00:02Z", 2, 2) + usageLine("a", "2026-02-10T10:00:03Z", 1, 5));
  CHECK(usage.counts.lines == 4);
  CHECK(usage.counts.usage == 4);
  REQUIRE(usage.records.size() == 2);
  CHECK(usage.records[0].output == 9);
  CHECK(usage.records[1].output == 2);
}

TEST_CASE("the last line needs no line end, and bad lines are counted and skipped") {
  auto last = usageLine("z", "2026-02-10T10:00:00Z", 1, 1);
  last.pop_back();
  const auto usage =
      readText("\n{\"type\":\"user\"}\n{\"cut\n" + usageLine("a", "2026-02-10T10:00:00Z", 1, 1) +
               "not json\n\r\n" + last);
  CHECK(usage.counts.lines == 5);
  CHECK(usage.counts.malformed == 2);
  CHECK(usage.records.size() == 2);
}

TEST_CASE("a giant line is skipped as a whole, and what follows counts") {
  const std::string giant =
      R"({"message":{"usage":{"x":")" + std::string(3u << 20, 'a') + "\"}}}\n";
  const auto usage = readText(usageLine("a", "2026-02-10T10:00:00Z", 1, 1) + giant + giant +
                                  usageLine("b", "2026-02-10T10:00:00Z", 1, 1),
                              1u << 20);
  CHECK(usage.counts.oversized == 2);
  CHECK(usage.counts.lines == 2);
  CHECK(usage.records.size() == 2);
}

TEST_CASE("lines of every length around the buffer's size come out whole") {
  const auto line = usageLine("a", "2026-02-10T10:00:00Z", 1, 1);
  for (int shift = -3; shift <= 3; ++shift) {
    const auto padding =
        static_cast<std::size_t>((256 << 10) - static_cast<int>(line.size()) + shift);
    const auto usage = readText("{" + std::string(padding - 3, ' ') + "}\n" + line);
    CAPTURE(shift);
    CHECK(usage.counts.lines == 2);
    CHECK(usage.records.size() == 1);
  }
}

TEST_CASE("several threads read every file once, and the sink may stop them") {
  const TempDir dir;
  for (int i = 0; i < 200; ++i)
    dir.write("p" + std::to_string(i) + ".jsonl",
              usageLine(std::to_string(i), "2026-02-10T10:00:00Z", 1, 1));
  const auto files = findTranscripts(dir.path());
  REQUIRE(files->size() == 200);
  std::vector<std::string> seen;
  readTranscripts(*files, 4, [&](FileUsage&& usage) {
    seen.push_back(usage.file.path);
    return true;
  });
  std::sort(seen.begin(), seen.end());
  CHECK(std::unique(seen.begin(), seen.end()) == seen.end());
  CHECK(seen.size() == 200);
  int calls = 0;
  readTranscripts(*files, 4, [&](FileUsage&&) { return ++calls < 3; });
  CHECK(calls == 3);
}

TEST_CASE("a file that cannot be read says why") {
  const auto usage = readTranscript({"/nowhere/at/all.jsonl", 0, 0});
  CHECK(usage.error.find("/nowhere/at/all.jsonl") != std::string::npos);
}

}  // namespace ccp::cli

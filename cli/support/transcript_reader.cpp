#include "cli/support/transcript_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>
#include <unordered_map>

namespace ccp::cli {
namespace {

namespace fs = std::filesystem;

bool describe(const fs::path& path, TranscriptFile& out) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  out.path = path.string();
  out.size = info.st_size;
  out.mtime_ns =
      static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
  return true;
}

/// Takes lines of one file: counts them and keeps one record per response.
class Collector {
 public:
  explicit Collector(FileUsage& out) : out_(out) {}

  void line(std::string_view text) {
    auto& counts = out_.counts;
    const auto kind = parseTranscriptLine(text, record_);
    if (kind == LineKind::blank) return;
    ++counts.lines;
    if (kind == LineKind::malformed) ++counts.malformed;
    if (kind == LineKind::disqualified) ++counts.disqualified;
    if (kind == LineKind::synthetic) ++counts.synthetic;
    if (kind != LineKind::usage) return;
    ++counts.usage;
    key_.assign(record_.message_id).push_back('\n');
    key_ += record_.request_id;
    const auto [place, fresh] = index_.try_emplace(key_, out_.records.size());
    if (fresh) {
      out_.records.push_back(std::move(record_));
    } else if (supersedes(record_, out_.records[place->second])) {
      out_.records[place->second] = std::move(record_);
    }
  }

 private:
  FileUsage& out_;
  UsageRecord record_;
  std::string key_;
  std::unordered_map<std::string, std::size_t> index_;
};

/// Splits a descriptor's bytes into lines with one buffer that grows to the longest line only.
class LineReader {
 public:
  LineReader(int fd, std::size_t max_line)
      : fd_(fd), max_line_(max_line), buffer_(std::size_t{256} << 10) {}

  /// Calls `line` for every line; false when reading failed (errno). `oversized` counts skipped
  /// ones.
  template <class Line>
  bool run(Line line, std::int64_t& oversized) {
    bool skipping = false;
    for (;;) {
      if (filled_ == buffer_.size()) {
        if (buffer_.size() > max_line_) {  // no newline in all of it
          oversized += skipping ? 0 : 1;
          skipping = true;
          filled_ = 0;
        } else {
          buffer_.resize(buffer_.size() * 2);
        }
      }
      const auto n = ::read(fd_, buffer_.data() + filled_, buffer_.size() - filled_);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      if (n == 0) break;
      const char* at = buffer_.data();
      const char* scan = at + filled_;
      const char* const end = scan + n;
      while (const auto* newline = static_cast<const char*>(
                 std::memchr(scan, '\n', static_cast<std::size_t>(end - scan)))) {
        if (!skipping) line(std::string_view(at, static_cast<std::size_t>(newline - at)));
        skipping = false;
        at = scan = newline + 1;
      }
      filled_ = static_cast<std::size_t>(end - at);
      std::memmove(buffer_.data(), at, filled_);
    }
    if (filled_ > 0 && !skipping) line(std::string_view(buffer_.data(), filled_));
    return true;
  }

 private:
  int fd_;
  std::size_t max_line_;
  std::vector<char> buffer_;
  std::size_t filled_ = 0;
};

}  // namespace

LineCounts& LineCounts::operator+=(const LineCounts& other) noexcept {
  lines += other.lines;
  usage += other.usage;
  synthetic += other.synthetic;
  disqualified += other.disqualified;
  malformed += other.malformed;
  oversized += other.oversized;
  return *this;
}

Result<std::vector<TranscriptFile>> findTranscripts(const std::string& root) {
  std::error_code error;
  auto start = fs::canonical(root, error);
  if (error) return fail(Errc::not_found, "Cannot read " + root + ": " + error.message() + ".");
  std::vector<TranscriptFile> out;
  TranscriptFile file;
  if (!fs::is_directory(start, error)) {
    if (!describe(start, file))
      return fail(Errc::not_found, root + " is neither a folder nor a file.");
    out.push_back(file);
    return out;
  }
  if (fs::is_directory(start / "projects", error)) start /= "projects";
  fs::recursive_directory_iterator at(start, fs::directory_options::skip_permission_denied, error);
  if (error)
    return fail(Errc::io_error, "Cannot read " + start.string() + ": " + error.message() + ".");
  for (const fs::recursive_directory_iterator end; at != end; at.increment(error)) {
    if (error)
      return fail(Errc::io_error,
                  "Cannot read below " + start.string() + ": " + error.message() + ".");
    if (at->path().extension() == ".jsonl" && describe(at->path(), file)) out.push_back(file);
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return out;
}

FileUsage readTranscript(const TranscriptFile& file, std::size_t max_line) {
  FileUsage out;
  out.file = file;
  const int fd = ::open(file.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    out.error = std::string("Cannot open ") + file.path + ": " + std::strerror(errno) + ".";
    return out;
  }
  Collector collector(out);
  const bool done =
      LineReader(fd, max_line)
          .run([&](std::string_view line) { collector.line(line); }, out.counts.oversized);
  if (!done)
    out.error = std::string("Cannot read ") + file.path + ": " + std::strerror(errno) + ".";
  ::close(fd);
  return out;
}

void readTranscripts(const std::vector<TranscriptFile>& files, unsigned threads,
                     const std::function<bool(FileUsage&&)>& sink) {
  threads = std::clamp<unsigned>(threads, 1, 16);
  if (threads == 1 || files.size() < 2) {
    for (const auto& file : files) {
      if (!sink(readTranscript(file))) return;
    }
    return;
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<FileUsage> ready;
  std::size_t finished = 0;  // readers that have ended
  bool stop = false;
  std::atomic<std::size_t> next{0};
  constexpr std::size_t kWaiting = 64;  // files that may wait for the sink

  std::vector<std::thread> pool;
  for (unsigned i = 0; i < threads; ++i) {
    pool.emplace_back([&] {
      for (std::size_t n = next++; n < files.size(); n = next++) {
        auto usage = readTranscript(files[n]);
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return stop || ready.size() < kWaiting; });
        if (stop) break;
        ready.push_back(std::move(usage));
        changed.notify_all();
      }
      const std::lock_guard lock(mutex);
      ++finished;
      changed.notify_all();
    });
  }
  for (;;) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return !ready.empty() || finished == threads; });
    if (ready.empty()) break;
    auto usage = std::move(ready.front());
    ready.pop_front();
    changed.notify_all();
    lock.unlock();
    if (!sink(std::move(usage))) {
      lock.lock();
      stop = true;
      changed.notify_all();
      break;
    }
  }
  for (auto& thread : pool) thread.join();
}

}  // namespace ccp::cli

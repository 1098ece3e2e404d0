#include "core/app/config_watch.hpp"

#include <sys/stat.h>

#include <utility>

#include "core/base/encoding.hpp"
#include "core/base/file.hpp"

namespace ccp::app {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{1} << 20;  // as loadSettings

}  // namespace

ConfigWatch::ConfigWatch(std::vector<std::string> files) {
  taken(std::move(files));
}

std::vector<ConfigWatch::Stamp> ConfigWatch::stampsOf(const std::vector<std::string>& files) {
  std::vector<Stamp> out;
  for (const auto& file : files) {
    struct stat at {};
    if (::stat(file.c_str(), &at) != 0) at = {};
    out.emplace_back(at.st_dev, at.st_ino, at.st_size, at.st_mtim.tv_sec, at.st_mtim.tv_nsec);
  }
  return out;
}

std::string ConfigWatch::contentOf(const std::vector<std::string>& files) {
  std::string out;
  for (const auto& file : files) {
    const auto text = readFile(file, kMaxBytes);
    out += text ? sha256Hex(*text) : "unreadable";
    out += '\n';
  }
  return out;
}

void ConfigWatch::taken(std::vector<std::string> files) {
  files_ = std::move(files);
  known_ = seen_ = stampsOf(files_);
  known_content_ = contentOf(files_);
}

bool ConfigWatch::poll() {
  auto stamps = stampsOf(files_);
  const bool rests = stamps == seen_;
  seen_ = std::move(stamps);
  if (!rests || seen_ == known_) return false;
  auto content = contentOf(files_);
  // Written to between the stamps and the reading: look again next time.
  if (auto after = stampsOf(files_); after != seen_) {
    seen_ = std::move(after);
    return false;
  }
  known_ = seen_;
  if (content == known_content_) return false;  // touched, or replaced by its equal
  known_content_ = std::move(content);
  return true;
}

}  // namespace ccp::app

// Notices that configuration files have changed, by looking: device, inode, size and time through symbolic
// links, then the content. So it sees a rename over the file and a switched symbolic link (Kubernetes'
// ..data), which a watch on the file misses, and takes a file that is being written when it rests.
// Threads: one.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

namespace ccp::app {

class ConfigWatch {
 public:
  /// What is there now counts as known.
  explicit ConfigWatch(std::vector<std::string> files);
  /// True once per change: when the files look the same twice in a row, and other than when they were
  /// last reported or taken.
  bool poll();
  /// The files that count from now on, as they are: somebody else has just read them.
  void taken(std::vector<std::string> files);

 private:
  /// Missing: all zero.
  using Stamp = std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::int64_t, std::int64_t>;
  static std::vector<Stamp> stampsOf(const std::vector<std::string>& files);
  static std::string contentOf(const std::vector<std::string>& files);

  std::vector<std::string> files_;
  std::vector<Stamp> known_;  ///< stamps whose content is `known_content_`
  std::string known_content_;
  std::vector<Stamp> seen_;  ///< of the poll before
};

}  // namespace ccp::app

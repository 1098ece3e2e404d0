// Which expressions of a policy are fields of its input: input.subject.plan, also by way of locals, loops and
// the parameters of local functions. What cannot be told is simply not known. One thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/analysis/names.hpp"

namespace ccp::policy::lua {

/// Names of members from the input down; "*" for an item, or a member whose name is computed.
using Path = std::vector<std::string>;

class Paths {
 public:
  explicit Paths(const Names& names) : names_(names) {}
  /// Empty path: the input itself.
  std::optional<Path> of(const Expr& expr);

 private:
  std::optional<Path> ofLocal(const Local& local);
  std::optional<Path> ofParameter(const Local& local);
  std::optional<Path> ofLoop(const Local& local);
  const Local* functionOf(const Function* function);

  const Names& names_;
  std::map<const Local*, std::optional<Path>> known_;  ///< while a local is worked on: nothing
  std::map<const Function*, const Local*> owners_;
  bool owners_ready_ = false;
  int depth_ = 0;
};

/// "input.subject.plan"
std::string chainText(const Path& path);

}  // namespace ccp::policy::lua

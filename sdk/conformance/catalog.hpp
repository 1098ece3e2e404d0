// Every test of the kit: its id for --only, its level, what it promises in one line, and where it runs.
// Static data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sdk/conformance/context.hpp"

namespace ccp::kit {

struct Test {
  std::string_view id;  ///< "L2.double-drain"
  int level = 0;
  std::string_view title;  ///< "drain twice is drain once"
  bool file = false, inproc = false, process = false;
  int timeout_s = 20;
  void (*run)(Context&) = nullptr;

  bool runsIn(Mode mode) const noexcept { return mode == Mode::file ? file : mode == Mode::inproc ? inproc : process; }
};

const std::vector<Test>& allTests();
const Test* findTest(std::string_view id);
/// "file", "descriptor", "lifecycle", …
std::string_view levelTitle(int level);

}  // namespace ccp::kit

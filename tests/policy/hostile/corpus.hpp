// Programs that want out of the sandbox, each with what must come of it. A program is a .lua file below this
// folder, whose first lines say what it tries and what is expected of its three calls:
//   -- expect: timeout|memory                 one of these faults, in each call
//   -- expect: bad_result|decision            or any decision that does not allow
//   -- expect: {"allow":false,"reason":"1"}   a decision with these members (the last alternative)
//   -- expect 2: runtime_error                of the second call; the others keep theirs
// What no file can hold (bytes, size) is in generated.cpp. Values.
#pragma once

#include <array>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policy/engine/engine.hpp"

namespace ccp::policy::hostile {

struct Expectation {
  std::string text;
  std::set<Fault> faults;
  bool any_decision = false;     ///< that does not allow
  std::optional<Json> decision;  ///< the members that a decision must have

  /// Why this outcome is none of those; empty: it is one.
  std::string refuses(const Outcome& outcome) const;
};

struct Case {
  std::string name;  ///< "cpu/while_true"
  std::string source;
  std::array<Expectation, 3> expect;
};

/// "load_error|timeout"
Expectation parseExpectation(const std::string& text);
std::vector<Case> readCorpus(const std::string& folder);
std::vector<Case> generatedCases();

/// The input of call 1, 2 or 3: the same but for `n` and `secret`.
std::string inputOf(int call);
/// ccp.data of every program.
const Json& constants();

}  // namespace ccp::policy::hostile

// Recorded behaviour that an author ships beside a plugin, in conformance/<operation>/*.json (or
// conformance/<interface>/<operation>/*.json):
//   {"title": "…", "now": "2026-11-21T12:00:00Z",
//    "in": {…},
//    "http": [{"request": {"method","url","body"}, "response": {"status","headers":[[n,v]],"body"|"json"} | {"rc":"UNAVAILABLE"}}],
//    "expect": {"rc": "OK", "code": "…", "out": {…}}}
// `expect.out` names what must be there; more may be. Pure functions over files.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "sdk/conformance/host/kit_host.hpp"
#include "sdk/conformance/subject.hpp"

namespace ccp::kit {

struct Fixture {
  std::string file;     ///< for messages
  std::string problem;  ///< not empty: the file is wrong, and how
  Json in, http, expect;
  std::int64_t now_us = 0;  ///< 0: the real time
};

/// In the order of their file names.
std::vector<Fixture> fixturesOf(const Subject& subject, std::string_view interface_id, std::string_view op);

/// Plays the exchanges of a fixture in order and remembers where the plugin asked for something else.
class HttpScript {
 public:
  explicit HttpScript(const Json& exchanges) : exchanges_(exchanges) {}
  HttpAnswer answer(const HttpAsk& ask);
  /// Empty: every exchange took place as written.
  std::string complaint() const;

 private:
  Json exchanges_;
  std::size_t next_ = 0;
  std::string complaint_;
};

/// Empty when `actual` has everything that `expected` names; else the first JSON pointer that differs.
std::string difference(const Json& expected, const Json& actual, const std::string& pointer = {});

/// The number of a class by name; -1 for none.
ccp_rc rcFromName(std::string_view name);

}  // namespace ccp::kit

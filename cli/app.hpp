// One run of `ccp`: the command line bound to the commands, their failures printed, the exit code.
// CLI11 stands behind app.cpp.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "core/base/random.hpp"
#include "core/base/time.hpp"
#include "core/net/http_client.hpp"

namespace ccp::cli {

/// What main.cpp takes from the machine, and tests replace.
struct Machine {
  net::HttpClient& http;
  const Clock& clock;
  Random& random;
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
};

/// `arguments` without the program's name.
int runCcp(const Machine& machine, const std::vector<std::string>& arguments);

}  // namespace ccp::cli

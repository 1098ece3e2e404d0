// What every command gets: where things lie, who prints how, and the seams that tests replace.
#pragma once

#include <ostream>
#include <string>

#include "core/base/json.hpp"
#include "core/base/random.hpp"
#include "core/base/time.hpp"
#include "core/net/http_client.hpp"

namespace ccp::cli {

struct Context {
  std::string config_dir;  ///< $XDG_CONFIG_HOME/ccp
  std::string data_dir;    ///< $XDG_DATA_HOME/ccp
  std::string server;      ///< --server or CCP_SERVER; empty: the one of the login
  bool json = false;
  bool quiet = false;
  bool color = false;     ///< stdout is a terminal and NO_COLOR is not set
  bool terminal = false;  ///< stderr is a terminal: progress lines may be redrawn
  net::HttpClient& http;
  const Clock& clock;
  Random& random;
  std::ostream& out;
  std::ostream& err;
  Duration timeout = seconds(30);        ///< of one exchange with the server
  std::size_t max_answer = 8u << 20;     ///< bytes that the server may send in it

  std::string bold(const std::string& text) const {
    return color ? "\033[1m" + text + "\033[0m" : text;
  }
  std::string dim(const std::string& text) const {
    return color ? "\033[2m" + text + "\033[0m" : text;
  }
  std::string good(const std::string& text) const {
    return color ? "\033[32m" + text + "\033[0m" : text;
  }
  std::string bad(const std::string& text) const {
    return color ? "\033[31m" + text + "\033[0m" : text;
  }
  /// One line of JSON, flushed at once: tests and scripts follow long commands line by line.
  void emit(const Json& line) const;
};

}  // namespace ccp::cli

// The real machine around one run of `ccp`.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "cli/app.hpp"
#include "core/base/log.hpp"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::ios::sync_with_stdio(false);
  ccp::log::setSink([](std::string_view) {});  // a server's lines; commands say themselves what people need
  const ccp::SystemClock clock;
  ccp::SystemRandom random;
  const char* ca_file = std::getenv("CCP_CA_FILE");  // trust anchors of a server with a private authority
  ccp::net::PocoHttpClient http(ca_file == nullptr ? "" : ca_file);
  const ccp::cli::Machine machine{http,
                                  clock,
                                  random,
                                  std::cout,
                                  std::cerr,
                                  ::isatty(STDOUT_FILENO) == 1,
                                  ::isatty(STDERR_FILENO) == 1};
  return ccp::cli::runCcp(machine, std::vector<std::string>(argv + 1, argv + argc));
}

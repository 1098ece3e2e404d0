// The real machine around one run of `ccp`.
#include <unistd.h>

#include <csignal>
#include <iostream>

#include "cli/app.hpp"
#include "core/base/log.hpp"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::ios::sync_with_stdio(false);
  ccp::log::setSink([](std::string_view) {});  // a server's lines; commands say themselves what people need
  const ccp::SystemClock clock;
  ccp::SystemRandom random;
  ccp::net::PocoHttpClient http;
  const ccp::cli::Machine machine{http,
                                  clock,
                                  random,
                                  std::cout,
                                  std::cerr,
                                  ::isatty(STDOUT_FILENO) == 1,
                                  ::isatty(STDERR_FILENO) == 1};
  return ccp::cli::runCcp(machine, std::vector<std::string>(argv + 1, argv + argc));
}

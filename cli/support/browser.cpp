#include "cli/support/browser.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

extern char** environ;

namespace ccp::cli {

bool openBrowser(const std::string& url) {
  // What is opened comes from a server: a file, another program's scheme or an option is no page.
  if (url.rfind("https://", 0) != 0 && url.rfind("http://", 0) != 0) return false;
  const char* chosen = std::getenv("BROWSER");
  const bool display =
      std::getenv("DISPLAY") != nullptr || std::getenv("WAYLAND_DISPLAY") != nullptr;
  if ((chosen == nullptr || *chosen == '\0') && !display) return false;
  const std::string program = chosen != nullptr && *chosen != '\0' ? chosen : "xdg-open";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // A browser talks a lot: none of it belongs into our output.
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  const char* argv[] = {program.c_str(), url.c_str(), nullptr};
  pid_t pid = 0;
  const int rc = posix_spawnp(&pid, program.c_str(), &actions, nullptr,
                              const_cast<char* const*>(argv), environ);
  posix_spawn_file_actions_destroy(&actions);
  return rc == 0;
}

}  // namespace ccp::cli

#include "tests/integration/app/ccpd_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "core/base/file.hpp"

extern char** environ;

namespace ccp::test {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);
using Steady = std::chrono::steady_clock;

}  // namespace

std::string devYaml(const std::string& dir, const std::string& store, const std::string& more) {
  return "mode: dev\nstate_dir: " + dir +
         "/state\nproduct: {id: acme-cli, name: Acme CLI}\n"
         "server: {listen: \"127.0.0.1:0\", admin_listen: \"127.0.0.1:0\"}\n" +
         (store.empty() ? "" : "store: {url: \"" + store + "\"}\n") + more;
}

CcpdProcess::CcpdProcess(const std::string& dir, const std::string& yaml,
                         std::vector<std::string> more_arguments)
    : dir_(dir), log_(dir + "/ccpd.log") {
  const std::string config = dir + "/ccp.yaml";
  if (!writeFileAtomic(config, yaml)) throw std::runtime_error("cannot write " + config);
  std::vector<std::string> arguments{CCP_BINARY_DIR "/bin/ccpd", "--config", config};
  arguments.insert(arguments.end(), more_arguments.begin(), more_arguments.end());
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  const int failed = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot start " + arguments[0]);
}

CcpdProcess::~CcpdProcess() {
  if (!ended()) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
  }
}

bool CcpdProcess::ended() {
  if (!reaped_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) reaped_ = true;
  return reaped_;
}

bool CcpdProcess::awaitServing() {
  const auto until = Steady::now() + kPatience;
  while (Steady::now() < until && !ended()) {
    if (const auto text = readFile(dir_ + "/state/runtime.json")) {
      const auto runtime = parseJson(*text);
      if (runtime && runtime->intOr("pid") == pid_) {
        public_url_ = runtime->strOr("public_url");
        admin_url_ = "http://" + runtime->strOr("admin_listen");
        return true;
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

void CcpdProcess::signal(int number) const {
  ::kill(pid_, number);
}

Finished CcpdProcess::wait() {
  const auto until = Steady::now() + kPatience;
  while (!ended() && Steady::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  if (!ended()) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
    reaped_ = true;
  }
  return {WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_), output()};
}

std::string CcpdProcess::output() const {
  return readFile(log_).value_or("");
}

net::HttpResponse CcpdProcess::get(const std::string& url,
                                   std::vector<std::pair<std::string, std::string>> headers) const {
  net::PocoHttpClient client;
  auto response = client.send({"GET", url, std::move(headers), {}}, {});
  if (!response) throw std::runtime_error(url + ": " + response.error().text() + "\n" + output());
  return std::move(*response);
}

}  // namespace ccp::test

#include "sdk/conformance/runner.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>

extern char** environ;

namespace ccp::kit {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kMaxVerdict = std::size_t{4} << 20;

std::string textOfFile(const std::string& path, std::size_t most) {
  std::ifstream in(path, std::ios::binary);
  std::string out(most, '\0');
  in.read(out.data(), static_cast<std::streamsize>(most));
  out.resize(static_cast<std::size_t>(in.gcount()));
  return out;
}

/// What a sanitizer or an abort message said; empty for silence.
std::string complaintIn(const std::string& output) {
  for (const char* mark : {"ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:", "terminate called", "Assertion"}) {
    const auto at = output.find(mark);
    if (at != std::string::npos) return output.substr(at, std::min<std::size_t>(output.find('\n', at) - at, 300));
  }
  return {};
}

std::string signalName(int number) {
  const char* name = ::sigabbrev_np(number);
  return name ? std::string("SIG") + name : "signal " + std::to_string(number);
}

struct Job {
  const Test* test = nullptr;
  Mode mode = Mode::file;
  std::size_t slot = 0;  ///< place in the reports
  std::string scratch;
  pid_t pid = -1;
  int pidfd = -1;
  SteadyClock::time_point begin;
};

class Runner {
 public:
  Runner(const Subject& subject, const Options& options) : subject_(subject), options_(options) {
    char pattern[] = "/tmp/ccp-plugin-check-XXXXXX";
    root_ = ::mkdtemp(pattern) ? pattern : "";
  }
  ~Runner() {
    std::error_code ignored;
    if (!root_.empty()) fs::remove_all(root_, ignored);
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  std::vector<Report> run() {
    plan();
    std::size_t next = 0;
    while (next < waiting_.size() || !running_.empty()) {
      while (next < waiting_.size() && running_.size() < options_.jobs) start(waiting_[next++]);
      reap();
    }
    return std::move(reports_);
  }

 private:
  bool wanted(const Test& test) const {
    if (!options_.only.empty()) {
      return std::any_of(options_.only.begin(), options_.only.end(), [&](const std::string& id) { return test.id.starts_with(id); });
    }
    return test.level <= options_.level;
  }

  void plan() {
    for (const auto& test : allTests()) {
      if (!wanted(test)) continue;
      for (const Mode mode : {Mode::file, Mode::inproc, Mode::process}) {
        if (!test.runsIn(mode)) continue;
        if ((mode == Mode::inproc && !options_.inproc) || (mode == Mode::process && !options_.process)) continue;
        Report report;
        report.test = &test;
        report.mode = mode;
        if (subject_.manifest && mode != Mode::file && !(mode == Mode::inproc ? subject_.manifest->allows_inproc : subject_.manifest->allows_process)) {
          report.status = "skipped";
          report.reason = std::string("the manifest does not allow the isolation ") + modeName(mode);
        } else {
          Job job;
          job.test = &test;
          job.mode = mode;
          job.slot = reports_.size();
          job.scratch = root_ + "/" + std::string(test.id) + "-" + modeName(mode);
          waiting_.push_back(std::move(job));
        }
        reports_.push_back(std::move(report));
      }
    }
  }

  void start(Job job) {
    std::error_code ignored;
    fs::create_directories(job.scratch + "/tmp", ignored);
    const std::string id(job.test->id);
    std::vector<std::string> words = {"ccp-plugin-check", "--run-one", id, "--mode", modeName(job.mode), "--scratch", job.scratch, subject_.library_path};
    if (!options_.fixtures.empty()) words.insert(words.end(), {"--fixtures", options_.fixtures});
    if (!options_.host_program.empty()) words.insert(words.end(), {"--host-program", options_.host_program});
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, (job.scratch + "/output").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setpgroup(&attributes, 0);  // its own group: what it starts ends with it
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    job.begin = SteadyClock::now();
    const int failed = ::posix_spawn(&job.pid, "/proc/self/exe", &actions, &attributes, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failed != 0) {
      finish(job, std::string("the test could not be started: ") + std::strerror(failed));
      return;
    }
    job.pidfd = static_cast<int>(::syscall(SYS_pidfd_open, job.pid, 0));
    running_.push_back(std::move(job));
  }

  /// Waits until a child ends or runs out of time.
  void reap() {
    if (running_.empty()) return;
    std::vector<pollfd> fds;
    auto wake = SteadyClock::time_point::max();
    for (const auto& job : running_) {
      fds.push_back({job.pidfd, POLLIN, 0});
      wake = std::min(wake, job.begin + std::chrono::seconds(job.test->timeout_s));
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(wake - SteadyClock::now()).count();
    ::poll(fds.data(), fds.size(), static_cast<int>(std::clamp<long long>(left + 1, 0, 60000)));
    for (std::size_t i = 0; i < running_.size();) {
      Job& job = running_[i];
      const bool late = SteadyClock::now() >= job.begin + std::chrono::seconds(job.test->timeout_s);
      int status = 0;
      const pid_t ended = ::waitpid(job.pid, &status, WNOHANG);
      if (ended == 0 && !late) {
        ++i;
        continue;
      }
      std::string how;
      if (ended == 0) {
        ::kill(-job.pid, SIGKILL);
        ::waitpid(job.pid, &status, 0);
        how = "the test did not end within " + std::to_string(job.test->timeout_s) + " s";
      } else {
        ::kill(-job.pid, SIGKILL);  // whatever it left running
        if (WIFSIGNALED(status)) how = "the process died of " + signalName(WTERMSIG(status)) + " (" + ::sigdescr_np(WTERMSIG(status)) + ")";
        if (WIFEXITED(status) && WEXITSTATUS(status) != 0) how = "the process ended with exit status " + std::to_string(WEXITSTATUS(status));
      }
      ::close(job.pidfd);
      finish(job, how);
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  /// Reads the verdict; `how` is not empty when the process did not end as it should.
  void finish(const Job& job, const std::string& how) {
    Report& report = reports_[job.slot];
    report.seconds = std::chrono::duration<double>(SteadyClock::now() - job.begin).count();
    const auto verdict = parseJson(textOfFile(job.scratch + "/verdict.json", kMaxVerdict), {kMaxVerdict, 64});
    if (verdict) {
      report.status = verdict->strOr("status");
      report.reason = verdict->strOr("reason");
      for (const auto& f : (*verdict)["failures"].items()) report.failures.push_back({f.strOr("found"), f.strOr("needed"), f.strOr("action")});
      for (const auto& note : (*verdict)["notes"].items()) report.notes.push_back(note.asString() ? *note.asString() : "");
    }
    if (how.empty() && verdict) return;
    const std::string step = textOfFile(job.scratch + "/step", 1000);
    const std::string said = complaintIn(textOfFile(job.scratch + "/output", 200000));
    std::string found = how.empty() ? "the process ended without a verdict" : how;
    if (verdict) found += " at its exit, after the test itself had " + report.status;
    else if (!step.empty()) found += " during: " + step;
    if (!said.empty()) found += ". It said: " + said;
    report.status = "failed";
    report.failures.push_back({found, verdict ? "a library that may stay loaded until the process exits, and leaks nothing" : "a plugin that never takes the process with it",
                               "Run it under a debugger: gdb --args ccp-plugin-check --run-one " + std::string(job.test->id) + " --mode " + modeName(job.mode) + " --scratch /tmp/scratch " + subject_.library_path});
  }

  const Subject& subject_;
  const Options& options_;
  std::string root_;
  std::vector<Job> waiting_, running_;
  std::vector<Report> reports_;
};

}  // namespace

std::vector<Report> runAll(const Subject& subject, const Options& options) { return Runner(subject, options).run(); }

int runOne(const Subject& subject, const std::string& id, Mode mode, const std::string& scratch) {
  const Test* const test = findTest(id);
  if (!test || !test->runsIn(mode)) return 2;
  Json verdict;
  {
    Context context(subject, mode, scratch);
    test->run(context);
    verdict = context.verdict();
  }
  std::ofstream(scratch + "/verdict.json.new") << verdict.dump();
  std::error_code failed;
  fs::rename(scratch + "/verdict.json.new", scratch + "/verdict.json", failed);
  return failed ? 2 : 0;
}

}  // namespace ccp::kit

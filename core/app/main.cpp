// ccpd. Signals are blocked before the first thread exists, so that one thread alone waits for
// them.
#include <Poco/Util/HelpFormatter.h>
#include <Poco/Util/Option.h>
#include <Poco/Util/OptionException.h>
#include <Poco/Util/OptionSet.h>
#include <Poco/Util/ServerApplication.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <thread>

#include "core/app/environment.hpp"
#include "core/app/plugin_trust.hpp"
#include "core/app/wiring.hpp"
#include "core/base/log.hpp"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

sigset_t handledSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

void say(const std::string& what, const ccp::Error& error) {
  std::cerr << "ccpd: " << what << ": " << error.detail << "\n";
  for (const auto& field : error.fields)
    std::cerr << "  " << (field.pointer.empty() ? "/" : field.pointer) << ": " << field.rule
              << "\n";
  std::cerr << "  next: " << ccp::info(error.code).next_step << "\n";
}

/// Ends the process when stopping takes longer than it may: a hung plugin or handler must not keep
/// a node half alive.
class Watchdog {
 public:
  explicit Watchdog(std::chrono::microseconds patience)
      : thread_([this, patience] {
          std::unique_lock lock(mutex_);
          if (!changed_.wait_for(lock, patience, [this] { return done_; })) {
            ccp::log::error("stop.overdue", {{"detail", "ending the process"}});
            std::_Exit(kFailed);
          }
        }) {}
  ~Watchdog() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;
};

class Daemon final : public Poco::Util::ServerApplication {
 protected:
  void defineOptions(Poco::Util::OptionSet& options) override {
    // Not ServerApplication's own: --daemon and --pidfile belong to the service manager.
    const auto add = [&](const char* name, const char* letter,
                         const char* text) -> Poco::Util::Option& {
      options.addOption(Poco::Util::Option(name, letter, text, false));
      return const_cast<Poco::Util::Option&>(options.getOption(name));
    };
    add("config", "c", "configuration file (default: ccp.yaml)").argument("FILE");
    add("check-config", "", "check the configuration, print the settings and end");
    add("trust-plugins", "", "trust the key in FILE to sign plugins and end")
        .argument("FILE")
        .repeatable(true);
    add("allow-rollback", "", "let an older version of a plugin load again and end")
        .argument("ID=VERSION")
        .repeatable(true);
    add("version", "", "print the version and end");
    add("help", "h", "print this and end");
  }

  void handleOption(const std::string& name, const std::string& value) override {
    if (name == "config") config_ = value;
    if (name == "check-config") check_ = true;
    if (name == "trust-plugins") trust_changes_.key_files.push_back(value);
    if (name == "allow-rollback") trust_changes_.rollbacks.push_back(value);
    if (name == "version") version_ = true;
    if (name == "help") help_ = true;
    if (name == "help" || name == "version") stopOptionsProcessing();
  }

  // The settings come from ccp.yaml alone: no properties files beside the program.
  void initialize(Poco::Util::Application&) override {}
  void uninitialize() override {}

  int main(const std::vector<std::string>& arguments) override {
    if (help_) return printHelp();
    if (version_) {
      std::cout << "ccpd " CCP_VERSION "\n";
      return 0;
    }
    if (!arguments.empty()) {
      std::cerr << "ccpd: unexpected argument '" << arguments.front() << "'; see ccpd --help\n";
      return kUsage;
    }
    auto settings = ccp::config::loadSettings(config_, ccp::app::environment());
    if (!settings) {
      say("the configuration is not valid", settings.error());
      return kFailed;
    }
    if (check_) {
      std::cout << ccp::config::describeSettings(*settings).pretty() << "\n";
      return 0;
    }
    if (!trust_changes_.empty()) return changeTrust(std::move(*settings));
    return serve(std::move(*settings));
  }

 private:
  int changeTrust(ccp::config::Settings settings) const {
    ccp::app::applyLogSettings(settings);
    const auto done =
        ccp::app::changePluginTrust(std::move(settings), trust_changes_, std::cout);
    if (done) return 0;
    say("the trust store is not changed", done.error());
    return done.error().code == ccp::Errc::usage_error ? kUsage : kFailed;
  }

  static int printHelp() {
    std::cout << "ccpd " CCP_VERSION
                 ": the server of CCP\n\n"
                 "  --config FILE, -c FILE   configuration file (default: ccp.yaml)\n"
                 "  --check-config           check the configuration, print the settings and end\n"
                 "  --trust-plugins FILE     trust the key in FILE (`ccp plugin trust add --print`)\n"
                 "                           to sign plugins, and end; ccpd must not be running\n"
                 "  --allow-rollback ID=VERSION\n"
                 "                           let an older version of a plugin load again, and end\n"
                 "  --version                print the version and end\n"
                 "  --help, -h               print this and end\n\n"
                 "Settings can also come from CCP_* variables, see docs/guides/operate.md.\n"
                 "SIGTERM and SIGINT end it after the requests that are being answered.\n"
                 "SIGHUP applies a changed configuration.\n";
    return 0;
  }

  static void waitForEnd(ccp::app::Graph& graph) {
    const sigset_t set = handledSignals();
    for (;;) {
      int signal = 0;
      if (sigwait(&set, &signal) != 0) continue;
      if (signal == SIGHUP) {
        ccp::log::info("signal.reload");
        graph.reloader->ask();
        if (graph.certificates) graph.certificates->ask();
        graph.config_worker->wake();
        graph.policy_node->ask();
        continue;
      }
      ccp::log::info("signal.stop", {{"signal", signal}});
      return;
    }
  }

  static int serve(ccp::config::Settings settings) {
    ccp::app::applyLogSettings(settings);
    const ccp::log::Collector collector;
    const auto patience = settings.server.drain_timeout + ccp::seconds(20);
    // Outlives everything on purpose when a handler hangs: then nothing may be destroyed under it.
    auto* graph = new ccp::app::Graph(std::move(settings));
    ccp::app::Steps steps;
    ccp::app::planStart(steps, *graph);
    if (auto started = steps.start(); !started) {
      say("cannot start (" + steps.failedStep() + ")", started.error());
      delete graph;
      return kFailed;
    }
    waitForEnd(*graph);
    const Watchdog watchdog(patience);
    steps.stop();
    if (!graph->clean_stop) std::_Exit(kFailed);
    delete graph;
    ccp::log::info("ccpd.stopped");
    return 0;
  }

  std::string config_ = "ccp.yaml";
  ccp::app::PluginTrustChanges trust_changes_;
  bool check_ = false;
  bool version_ = false;
  bool help_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  const sigset_t set = handledSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    Daemon daemon;
    daemon.setUnixOptions(true);
    daemon.init(argc, argv);
    // ServerApplication::run() is protected; the base's virtual one is the way past --daemon.
    return static_cast<Poco::Util::Application&>(daemon).run();
  } catch (const Poco::Exception& error) {
    std::cerr << "ccpd: " << error.displayText() << "; see ccpd --help\n";
    return kUsage;
  } catch (const std::exception& error) {
    std::cerr << "ccpd: " << error.what() << "\n";
    return kFailed;
  }
}

// Level 5: hygiene. What a plugin leaves behind, gives away, or changes for everybody else.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <thread>

#include "sdk/conformance/process_state.hpp"
#include "sdk/conformance/tests/tests.hpp"

namespace ccp::kit::tests {
namespace {

constexpr int kCycles = 8;
constexpr int kWarmUp = 3;
constexpr int kMaxThreads = 8;
constexpr int kRounds = 12;

/// One instance from create to destroy, with a call of every operation in between.
bool cycle(Context& t, KitHost& host) {
  const auto unit = t.ready(host);
  if (!unit) return false;
  for (const auto& op : t.operations()) {
    for (const auto& in : t.inputs(op)) {
      t.step(op.text());
      unit->op(op.interface_id, op.name, in.dump());
    }
  }
  t.step("drain, stop, destroy");
  unit->control(Fn::drain);
  unit->control(Fn::stop);
  unit->destroy();
  return true;
}

struct Counts {
  std::size_t descriptors = 0, threads = 0, mappings = 0, resident = 0;
  static Counts now() { return {openDescriptors(), kit::threads(), kit::mappings(), residentBytes()}; }
};

/// Redirects standard output and error into a file for as long as it lives.
class Captured {
 public:
  explicit Captured(const std::string& path) : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)), out_(::dup(1)), err_(::dup(2)) {
    ::dup2(file_, 1);
    ::dup2(file_, 2);
  }
  ~Captured() { restore(); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  std::string restore() {
    if (file_ < 0) return {};
    ::fflush(nullptr);
    ::dup2(out_, 1);
    ::dup2(err_, 2);
    std::string text(4096, '\0');
    const ssize_t n = ::pread(file_, text.data(), text.size(), 0);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    for (int* fd : {&file_, &out_, &err_}) ::close(std::exchange(*fd, -1));
    return text;
  }

 private:
  int file_, out_, err_;
};

}  // namespace

void leftovers(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  if (!t.config()) return;
  for (int i = 0; i < kWarmUp; ++i) {
    if (!cycle(t, host)) return;
  }
  const Counts before = Counts::now();
  for (int i = 0; i < kCycles; ++i) {
    host.forget();
    if (!cycle(t, host)) return;
  }
  const Counts after = Counts::now();
  const std::string cycles = " after " + std::to_string(kCycles) + " instances came and went";
  if (after.descriptors > before.descriptors) {
    t.fail(std::to_string(after.descriptors) + " open descriptors" + cycles + ", " + std::to_string(before.descriptors) + " before", "none left behind", "Close in stop and destroy what start opened.");
  }
  if (after.threads > before.threads) t.fail(std::to_string(after.threads) + " threads" + cycles + ", " + std::to_string(before.threads) + " before", "none left behind", "Plugins create no threads; ccp.scheduler/1 calls them.");
  // The allocator maps memory as it likes: only what grows with every instance is a leak.
  if (after.mappings > before.mappings + kCycles) {
    t.fail(std::to_string(after.mappings) + " mappings" + cycles + ", " + std::to_string(before.mappings) + " before", "less than one more per instance", "Unmap in destroy what create mapped.");
  }
  const std::size_t grown = after.resident > before.resident ? after.resident - before.resident : 0;
  t.note("resident memory grew by " + std::to_string(grown / 1024) + " KiB" + cycles);
}

void noThreads(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  const std::size_t before = kit::threads();
  const auto unit = t.ready(host);
  if (!unit) return;
  for (const auto& op : t.operations()) {
    for (const auto& in : t.inputs(op)) {
      t.step(op.text());
      unit->op(op.interface_id, op.name, in.dump());
    }
  }
  const std::size_t now = kit::threads();
  if (now > before) {
    t.fail("the plugin started " + std::to_string(now - before) + " threads", "none: periodic work belongs to ccp.scheduler/1, and calls run on the host's threads", "Register a tick in start, and do the work in operations.");
  }
  t.step("stop");
  unit->control(Fn::stop);
}

void processStateKept(Context& t) {
  // As ccpd has it, and as some libraries want it: a broken connection is an error, not a signal.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  static_cast<void>(::signal(SIGPIPE, SIG_IGN));
  const auto before = processState();
  Captured captured(t.scratch + "/output");
  KitHost host(t.subject, t.config().value_or(Json()));
  const bool whole = cycle(t, host);
  const std::string printed = captured.restore();
  if (!whole) return;
  const auto after = processState();
  for (std::size_t i = 0; i < before.size() && i < after.size(); ++i) {
    if (before[i] != after[i]) t.fail("the plugin changed " + before[i].first, "a process as it was: it belongs to all plugins and to the host", "Leave it alone; ask the host for what you need.");
  }
  if (!printed.empty()) t.fail("the plugin printed \"" + printed.substr(0, 200) + "\"", "nothing on standard output and error", "Log through ccp.log/1, which adds instance and request and masks credentials.");
}

void secretsKept(Context& t) {
  if (!t.subject.manifest || t.subject.manifest->permissions.secrets.empty()) return t.skip("the plugin uses no secrets");
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.ready(host);
  if (!unit) return;
  const auto leak = [&](const std::string& where, const std::string& text) {
    if (host.holdsSecret(text)) t.fail("a secret appears in " + where, "secrets only where the host puts them", "Let ccp.http/1 attach credentials (auth) and ccp.crypto/1 use keys; never copy them into texts.");
  };
  const HttpAnswer answers[] = {HttpAnswer::refused(CCP_RC_UNAVAILABLE), {CCP_RC_OK, 401, {}, "{\"error\":\"invalid_token\"}"}, {CCP_RC_OK, 200, {}, "{"}};
  for (const auto& answer : answers) {
    const HttpAnswer copy = answer;
    host.on_http = [copy](const HttpAsk&) { return copy; };
    for (const auto& op : t.operations()) {
      for (const auto& in : t.inputs(op)) {
        t.step(op.text());
        const Outcome got = unit->op(op.interface_id, op.name, in.dump());
        leak("the result of " + op.text(), got.out);
        leak("the problem that " + op.text() + " reports", got.err);
      }
    }
  }
  for (const char* name : {"health"}) {
    t.step(name);
    const Outcome got = unit->control(Fn::health);
    leak(name, got.out + got.err);
  }
  for (const auto& line : host.logs()) leak("the log line " + line.event, line.event + line.fields);
  for (const auto& event : host.events()) leak("a domain event", event);
  for (const auto& ask : host.asked()) leak("the address of a request", ask.url);
  t.note(std::to_string(host.secretValues().size()) + " secrets were used");
}

void concurrency(Context& t) {
  if (!t.subject.manifest) return t.skip("there is no valid plugin.json; see L0.manifest");
  KitHost host(t.subject, t.config().value_or(Json()));
  host.fixed_wall_us = 1795262400000000;
  const auto unit = t.ready(host);
  if (!unit) return;
  struct Work {
    Operation op;
    std::string in;
    Outcome alone;
  };
  std::vector<Work> work;
  for (const auto& op : t.operations()) {
    for (const auto& in : t.inputs(op)) {
      const std::string text = in.dump();
      t.step(op.text());
      work.push_back({op, text, unit->op(op.interface_id, op.name, text)});
    }
  }
  const int many = std::min(t.subject.manifest->max_concurrency, kMaxThreads);
  t.step(std::to_string(many) + " threads with " + std::to_string(kRounds) + " rounds of every operation");
  std::mutex mutex;
  std::map<std::string, std::string> wrong;
  std::vector<std::thread> threads;
  for (int i = 0; i < many; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        for (std::size_t k = 0; k < work.size(); ++k) {
          const Work& one = work[(k + static_cast<std::size_t>(i)) % work.size()];
          const Outcome got = unit->op(one.op.interface_id, one.op.name, one.in);
          const bool same = got.lost.empty() && got.rc == one.alone.rc && (!Context::isPure(one.op) || got.out == one.alone.out);
          if (same) continue;
          const std::lock_guard lock(mutex);
          wrong.emplace(one.op.text(), got.text() + " instead of " + one.alone.text());
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& [op, text] : wrong) {
    t.fail(op + " answered " + text + " when " + std::to_string(many) + " threads called", "what it answers alone", "Operations run on many threads at once: lock what they share, or lower max_concurrency of the manifest.");
  }
  t.note(std::to_string(many) + " threads, " + std::to_string(kRounds) + " rounds of " + std::to_string(work.size()) + " calls");
}

void contract(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  if (!cycle(t, host)) return;
  host.on_http = [](const HttpAsk&) { return HttpAnswer{CCP_RC_OK, 500, {}, "no"}; };
  if (!cycle(t, host)) return;
  for (const auto& text : host.misuses()) t.fail(text, "services used as ccp/abi/host_*.h says", "Correct the call; ccpd refuses or drops it.");
}

void ticks(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.ready(host);
  if (!unit) return;
  const auto registered = host.ticks();
  if (registered.empty()) return t.skip("the plugin registers no periodic work");
  for (const auto& tick : registered) {
    for (int i = 0; i < 3; ++i) {
      t.step("tick " + tick.name);
      const Outcome answer = unit->run(Fn::tick, {}, tick.name, Json::object({{"name", tick.name}}).dump());
      if (!answer.lost.empty() || answer.rc < 0 || answer.rc >= CCP_RC_COUNT || answer.rc == CCP_RC_INTERNAL) {
        t.fail("the tick " + tick.name + " answered " + answer.text() + " while the network is down", "OK, or a class that says that repeating may help", "A tick is an operation like any other.");
      }
    }
  }
  unit->control(Fn::stop);
}

}  // namespace ccp::kit::tests

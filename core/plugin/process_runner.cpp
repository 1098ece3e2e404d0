#include "core/plugin/process_runner.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "core/base/log.hpp"
#include "core/isolation/child.hpp"
#include "core/plugin/host_services/services.hpp"
#include "core/plugin/output_lines.hpp"
#include "core/plugin/problem.hpp"

namespace ccp::plugin {
namespace {

using isolation::CallEnd;
using isolation::CallKind;
using isolation::Child;
using Instant = Ward::Instant;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kMemoryFactor = 4;  // shadow memory
#else
constexpr std::uint64_t kMemoryFactor = 1;
#endif
/// A plugin makes no threads; a library that it uses may. The program itself has one for each call.
constexpr int kForeignThreads = 64;
/// Between cancel() and the kill: less than the grace that the instance then gives.
constexpr Duration kCancelGrace = milliseconds(150);

std::string inMiB(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

CallKind kindOf(Function::Kind kind) noexcept {
  switch (kind) {
    case Function::Kind::create: return CallKind::create;
    case Function::Kind::configure: return CallKind::configure;
    case Function::Kind::start: return CallKind::start;
    case Function::Kind::health: return CallKind::health;
    case Function::Kind::drain: return CallKind::drain;
    case Function::Kind::stop: return CallKind::stop;
    case Function::Kind::destroy: return CallKind::destroy;
    case Function::Kind::operation: return CallKind::operation;
    case Function::Kind::tick: return CallKind::tick;
  }
  return CallKind::operation;
}

double jitter() {
  thread_local std::minstd_rand engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

/// The process of one instance, over its restarts.
class Keeper final : public Ward, public std::enable_shared_from_this<Keeper> {
 public:
  Keeper(const HostContext& host, Supervisor& supervisor, ProcessOptions options, std::shared_ptr<HostServices> services)
      : host_(host), supervisor_(supervisor), options_(std::move(options)), services_(std::move(services)), policy_(options_.restarts, jitter) {}

  // --- of the runner, on any thread -----------------------------------------------------------

  CallOutcome run(const Function& function, const CallContext& context, std::string input);
  void cancel();
  Json status() const;
  Json facts() const;
  /// Ends everything; the supervisor has forgotten this ward when it returns.
  void shutDown();

  // --- of the supervisor ------------------------------------------------------------------------

  int pidfd() override;
  void ended(Instant now) override;
  int outputFd(Instant now) override;
  void readOutput(Instant now) override;
  std::optional<Instant> due() override;
  void act(Instant now) override;
  void inspect(Instant now) override;

 private:
  enum class Phase {
    starting,    ///< the instance is being started by the host: an end is its failure
    serving,
    restarting,  ///< waits for the time of the next attempt, or attempts
    ending,      ///< an end is what is wanted
  };
  const std::string& name() const { return services_->grants().name; }
  const Manifest& manifest() const { return services_->grants().manifest; }
  Labels labels() const { return {{"instance", name()}}; }

  Result<std::shared_ptr<Child>> launch();
  Status begin();
  void tellStarted(const Child& child) const;
  CallOutcome call(Child& child, const Function& function, const CallContext& context, std::string_view input);
  CallOutcome unavailable() const;
  Status replay(Child& child);
  void attempt(Instant now);
  void attempted(const std::shared_ptr<Child>& child, const Status& result);
  void crashed(Instant now, const std::string& reason, bool broke_protocol);
  void settle();
  void tellOutput();
  bool ending() const;

  const HostContext& host_;
  Supervisor& supervisor_;
  const ProcessOptions options_;
  const std::shared_ptr<HostServices> services_;

  mutable std::mutex mutex_;
  Phase phase_ = Phase::starting;
  std::shared_ptr<Child> child_;    ///< what calls go to
  std::shared_ptr<Child> watched_;  ///< what the supervisor watches: child_, or the next one
  std::string configuration_;
  std::string trouble_;
  Instant next_{};                      ///< of restarting: when it is attempted
  std::optional<Instant> kill_at_;      ///< of cancel()
  RestartPolicy::Breaker breaker_ = RestartPolicy::Breaker::closed;
  int restarts_ = 0;
  std::atomic<int> in_flight_{0};

  // Of the supervisor's thread only:
  RestartPolicy policy_;
  bool end_seen_ = false;     ///< of watched_
  bool output_open_ = true;   ///< of watched_
  bool attempting_ = false;
  std::thread attempt_;
  OutputLines lines_{[this](std::string_view line) {
    log::info("plugin_output", {{"instance", name()}, {"plugin", manifest().id}, {"line", log::redact(line)}});
  }};
};

// --- calls ----------------------------------------------------------------------------------------

CallOutcome Keeper::call(Child& child, const Function& function, const CallContext& context, std::string_view input) {
  CallFrame frame(host_.clock, context, {}, manifest().output_bytes);
  isolation::Request request;
  request.kind = kindOf(function.kind);
  request.interface_id = function.interface_id;
  request.name = function.name;
  request.input = input;
  request.call = frame.raw();
  request.out_bytes = manifest().output_bytes;
  request.patience = context.deadline.remaining(host_.clock, manifest().op_timeout);
  request.grace = Runner::kGrace;
  request.around = [&frame](const std::function<void()>& work) {
    const CallFrame::Scope scope(frame);
    work();
  };
  const CallEnd end = child.run(request);
  CallOutcome out;
  switch (end.kind) {
    case CallEnd::Kind::answered:
      out.end = CallOutcome::End::answered;
      out.rc = end.rc;
      out.out = std::move(frame.out());
      out.err = std::move(frame.err());
      break;
    case CallEnd::Kind::overran: out.end = CallOutcome::End::overran; break;
    case CallEnd::Kind::lost:
      out.end = CallOutcome::End::lost;
      out.detail = "its process ended: " + end.reason;
      out.retry_after = options_.restarts.first_delay;
      break;
  }
  return out;
}

CallOutcome Keeper::unavailable() const {
  CallOutcome out;
  const std::lock_guard lock(mutex_);
  out.detail = trouble_.empty() ? "its process has ended and is being started again" : trouble_;
  const auto left = std::chrono::duration_cast<Duration>(next_ - std::chrono::steady_clock::now());
  out.retry_after = std::max<Duration>(left, options_.restarts.first_delay);
  return out;
}

CallOutcome Keeper::run(const Function& function, const CallContext& context, std::string input) {
  const auto kind = function.kind;
  if (kind == Function::Kind::create) {
    if (Status begun = begin(); !begun) {
      CallOutcome out;
      out.code = begun.error().code;
      out.detail = begun.error().detail;
      if (!out.detail.empty() && out.detail.back() == '.') out.detail.pop_back();
      return out;
    }
  }
  const bool last = kind == Function::Kind::drain || kind == Function::Kind::stop || kind == Function::Kind::destroy;
  std::shared_ptr<Child> child;
  {
    const std::lock_guard lock(mutex_);
    if (last) phase_ = Phase::ending;
    if (kind == Function::Kind::configure) configuration_ = input;
    child = child_;
  }
  if (!child || !child->alive()) {
    if (!last) return unavailable();
    // What has ended needs neither drain nor stop nor destroy.
    CallOutcome out;
    out.end = CallOutcome::End::answered;
    out.rc = CCP_RC_OK;
    out.out = "{}";
    return out;
  }
  ++in_flight_;
  CallOutcome out = call(*child, function, context, input);
  --in_flight_;
  const bool answered = out.end == CallOutcome::End::answered;
  if (kind == Function::Kind::start && answered && out.rc == CCP_RC_OK) {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::starting) phase_ = Phase::serving;
  }
  if (kind == Function::Kind::start) supervisor_.post([self = shared_from_this()] { self->settle(); });
  if (kind == Function::Kind::destroy) child->retire(seconds(1));
  return out;
}

void Keeper::cancel() {
  std::shared_ptr<Child> child;
  {
    const std::lock_guard lock(mutex_);
    phase_ = Phase::ending;
    kill_at_ = std::chrono::steady_clock::now() + kCancelGrace;
    child = child_;
  }
  if (child) child->cancel();
  supervisor_.post([] {});  // it looks at the time anew
}

Json Keeper::status() const {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::restarting) return {};
  return Json::object({{"state", breaker_ == RestartPolicy::Breaker::open ? "broken" : "restarting"}, {"detail", trouble_}, {"restarts", restarts_}});
}

Json Keeper::facts() const {
  std::shared_ptr<Child> child;
  Json out = Json::object();
  {
    const std::lock_guard lock(mutex_);
    child = child_;
    out.set("restarts", restarts_);
    out.set("breaker", toString(breaker_));
  }
  const bool alive = child && child->alive();
  out.set("pid", alive ? Json(static_cast<std::int64_t>(child->pid())) : Json());
  out.set("rss_bytes", alive ? child->rssBytes() : std::uint64_t{0});
  out.set("confinement", alive ? child->confinement() : std::string());
  return out;
}

// --- start ----------------------------------------------------------------------------------------

/// On the supervisor's thread.
Result<std::shared_ptr<Child>> Keeper::launch() {
  isolation::SpawnOptions options;
  options.program = options_.program;
  options.library_fd = options_.library->fd();
  options.instance = name();
  options.manifest = &manifest();
  options.capture_output = true;
  CCP_TRY(auto launched, Child::launch(options, services_->table()));
  std::shared_ptr<Child> child = std::move(launched);
  end_seen_ = false;
  output_open_ = true;
  const std::lock_guard lock(mutex_);
  watched_ = child;
  return child;
}

Status Keeper::begin() {
  Result<std::shared_ptr<Child>> child;
  supervisor_.add(shared_from_this());
  supervisor_.run([&] { child = launch(); });
  if (!child) return fail(std::move(child).error());
  CCP_CHECK_OK((*child)->greet(manifest(), manifest().op_timeout));
  tellStarted(**child);
  const std::lock_guard lock(mutex_);
  child_ = *child;
  return {};
}

/// What confines the process is the kernel's to say: an operator must hear when it is less than usual.
void Keeper::tellStarted(const Child& child) const {
  const std::string confinement = child.confinement();
  const auto level = confinement.find("no landlock") == std::string::npos ? log::Level::info : log::Level::warn;
  log::write(level, "plugin_process_started",
             {{"instance", name()}, {"plugin", manifest().id}, {"pid", static_cast<std::int64_t>(child.pid())}, {"confinement", confinement}});
}

/// Everything that the host did to the instance before it served.
Status Keeper::replay(Child& child) {
  CCP_CHECK_OK(child.greet(manifest(), manifest().op_timeout));
  services_->restarted();
  std::string configuration;
  {
    const std::lock_guard lock(mutex_);
    configuration = configuration_;
  }
  const auto step = [&](Function::Kind kind, const char* what, std::string_view input) -> Status {
    CallContext context;
    context.deadline = Deadline::after(host_.clock, manifest().op_timeout);
    const CallOutcome out = call(child, {kind, {}, what}, context, input);
    if (out.end == CallOutcome::End::answered && out.rc == CCP_RC_OK) return {};
    if (out.end == CallOutcome::End::answered) return fail(errorFromPlugin(name(), what, out.rc, out.err));
    return fail(Errc::plugin_failed, std::string(what) + ": " + (out.detail.empty() ? "it overran its deadline" : out.detail));
  };
  CCP_CHECK_OK(step(Function::Kind::create, "create", {}));
  CCP_CHECK_OK(step(Function::Kind::configure, "configure", configuration));
  services_->scheduler().open(true);
  Status started = step(Function::Kind::start, "start", "{}");
  services_->scheduler().open(false);
  return started;
}

void Keeper::attempt(Instant now) {
  auto child = launch();
  if (!child) return crashed(now, child.error().detail, false);
  attempting_ = true;
  // Not on this thread: a start may take as long as an operation, and other processes end meanwhile.
  attempt_ = std::thread([self = shared_from_this(), next = *child] {
    Status result = self->replay(*next);
    self->supervisor_.post([self, next, result = std::move(result)] { self->attempted(next, result); });
  });
}

void Keeper::attempted(const std::shared_ptr<Child>& child, const Status& result) {
  if (ending()) return;  // shutDown() joins
  attempt_.join();
  attempting_ = false;
  const auto now = std::chrono::steady_clock::now();
  if (!result || end_seen_ || !child->alive()) {
    const std::string reason = result ? child->reason() : result.error().detail;
    child->kill("it could not be started again");
    return crashed(now, "it could not be started again: " + reason, child->brokeProtocol());
  }
  policy_.restarted(now);
  int restarts = 0;
  {
    const std::lock_guard lock(mutex_);
    child_ = child;
    phase_ = Phase::serving;
    trouble_.clear();
    breaker_ = policy_.breaker();
    restarts = ++restarts_;
  }
  host_.metrics.counter("ccp_plugin_restarts_total", "Processes of plugins that were started again", labels()).add();
  log::info("plugin_process_restarted", {{"instance", name()}, {"plugin", manifest().id}, {"pid", static_cast<std::int64_t>(child->pid())}, {"restarts", restarts}});
}

// --- end ------------------------------------------------------------------------------------------

bool Keeper::ending() const {
  const std::lock_guard lock(mutex_);
  return phase_ == Phase::ending;
}

void Keeper::crashed(Instant now, const std::string& reason, bool broke_protocol) {
  const Instant next = policy_.crashed(now);
  const bool broken = policy_.breaker() == RestartPolicy::Breaker::open;
  const auto delay = std::chrono::duration_cast<Duration>(next - now);
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::ending) return;
    phase_ = Phase::restarting;
    child_.reset();
    watched_.reset();
    next_ = next;
    breaker_ = policy_.breaker();
    trouble_ = "its process ended (" + reason + ") and is started again in " + formatDuration(delay);
    if (broken) trouble_ = "its process ended " + std::to_string(policy_.crashes()) + " times, last: " + reason + "; the next attempt is in " + formatDuration(delay);
  }
  host_.metrics.counter("ccp_plugin_crashes_total", "Processes of plugins that ended without being asked to", labels()).add();
  if (broke_protocol) {
    host_.metrics.counter("ccp_plugin_protocol_violations_total", "Processes of plugins that were killed because they broke the protocol", labels()).add();
  }
  log::error(broken ? "plugin_process_broken" : "plugin_process_ended",
             {{"instance", name()}, {"plugin", manifest().id}, {"reason", log::redact(reason)}, {"crashes", policy_.crashes()},
              {"retry_in_ms", std::chrono::duration_cast<milliseconds>(delay).count()}});
  if (options_.on_crash) options_.on_crash({name(), reason, policy_.crashes(), broken});
}

void Keeper::shutDown() {
  std::shared_ptr<Child> watched;
  {
    const std::lock_guard lock(mutex_);
    phase_ = Phase::ending;
    watched = watched_;
  }
  supervisor_.remove(shared_from_this());
  if (watched) watched->kill("the instance was stopped");
  if (attempt_.joinable()) attempt_.join();
  if (watched && output_open_) lines_.read(watched->outputFd(), std::chrono::steady_clock::now());
  tellOutput();
}

// --- of the supervisor ----------------------------------------------------------------------------

int Keeper::pidfd() {
  const std::lock_guard lock(mutex_);
  return watched_ && !end_seen_ ? watched_->pidfd() : -1;
}

int Keeper::outputFd(Instant now) {
  const std::lock_guard lock(mutex_);
  return watched_ && output_open_ && lines_.hungry(now) ? watched_->outputFd() : -1;
}

void Keeper::readOutput(Instant now) {
  std::shared_ptr<Child> watched;
  {
    const std::lock_guard lock(mutex_);
    watched = watched_;
  }
  if (watched) output_open_ = lines_.read(watched->outputFd(), now);
}

void Keeper::tellOutput() {
  lines_.flush();
  if (const int dropped = lines_.takeDropped(); dropped > 0) {
    host_.metrics.counter("ccp_plugin_output_dropped_total", "Lines of plugins' processes beyond the rate", labels()).add(dropped);
    log::warn("plugin_output_dropped", {{"instance", name()}, {"lines", dropped}});
  }
}

void Keeper::ended(Instant now) {
  end_seen_ = true;
  std::shared_ptr<Child> watched;
  Phase phase{};
  {
    const std::lock_guard lock(mutex_);
    watched = watched_;
    phase = phase_;
  }
  if (!watched) return;
  if (output_open_) output_open_ = lines_.read(watched->outputFd(), now);
  tellOutput();
  watched->reap();
  // While it is started, whoever starts it learns of its end.
  if (phase == Phase::serving) crashed(now, watched->reason(), watched->brokeProtocol());
}

/// It may have ended between its answer to start and our taking note of that.
void Keeper::settle() {
  std::shared_ptr<Child> watched;
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::serving && end_seen_) watched = watched_;
  }
  if (watched) crashed(std::chrono::steady_clock::now(), watched->reason(), watched->brokeProtocol());
}

std::optional<Instant> Keeper::due() {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::restarting && !attempting_) return next_;
  return kill_at_;
}

void Keeper::act(Instant now) {
  std::shared_ptr<Child> child;
  bool restart = false;
  {
    const std::lock_guard lock(mutex_);
    restart = phase_ == Phase::restarting && !attempting_ && now >= next_;
    if (kill_at_ && now >= *kill_at_) {
      kill_at_.reset();
      child = child_;
    }
  }
  if (child && in_flight_ > 0) child->kill("calls did not end when they were cancelled");
  if (restart) attempt(now);
}

void Keeper::inspect(Instant now) {
  std::shared_ptr<Child> watched;
  {
    const std::lock_guard lock(mutex_);
    watched = watched_;
  }
  if (!watched || end_seen_) return;
  tellOutput();
  const auto usage = watched->usage();
  const std::uint64_t limit = manifest().rss_bytes * kMemoryFactor;
  const int threads = manifest().max_concurrency + 3 + kForeignThreads;
  if (usage.rss_bytes > limit) {
    watched->kill("it used " + inMiB(usage.rss_bytes) + " of memory; limits.rss_mb of its manifest allows " + inMiB(limit));
  } else if (usage.threads > threads) {
    watched->kill("it has " + std::to_string(usage.threads) + " threads; " + std::to_string(threads) + " are allowed, and a plugin makes none");
  }
  policy_.alive(now);
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::serving) breaker_ = policy_.breaker();
}

// --- runner ---------------------------------------------------------------------------------------

class ProcessRunner final : public Runner {
 public:
  explicit ProcessRunner(std::shared_ptr<Keeper> keeper) : keeper_(std::move(keeper)) {}
  ~ProcessRunner() override { keeper_->shutDown(); }
  CallOutcome run(const Function& function, const CallContext& context, std::string input) override {
    return keeper_->run(function, context, std::move(input));
  }
  void cancel() override { keeper_->cancel(); }
  Json status() const override { return keeper_->status(); }
  Json facts() const override { return keeper_->facts(); }

 private:
  const std::shared_ptr<Keeper> keeper_;
};

}  // namespace

RunnerFactory processRunner(const HostContext& host, Supervisor& supervisor, ProcessOptions options) {
  return [&host, &supervisor, options = std::move(options)](const std::shared_ptr<HostServices>& services) -> std::unique_ptr<Runner> {
    return std::make_unique<ProcessRunner>(std::make_shared<Keeper>(host, supervisor, options, services));
  };
}

}  // namespace ccp::plugin

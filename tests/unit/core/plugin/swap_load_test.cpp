// Swaps under load, in this process and in processes of their own: no call fails, none runs twice.
// CCP_SWAP_ROUNDS sets how many (100; the goal is 1,000).
#include <doctest/doctest.h>

#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "core/plugin/plugin_host.hpp"
#include "core/plugin/pipeline.hpp"
#include "tests/support/temp_db.hpp"

using namespace ccp;
using namespace ccp::plugin;

namespace {

constexpr int kCallers = 8;
constexpr int kMaxCalls = 4'000'000;
constexpr int kWarm = 10;

int rounds([[maybe_unused]] bool process) {
  if (const char* text = std::getenv("CCP_SWAP_ROUNDS")) return std::atoi(text);
#if defined(__SANITIZE_THREAD__)
  if (process) return 20;  // a process takes a second to start under ThreadSanitizer
#endif
  return 100;
}

struct Memory {
  double heap = static_cast<double>(mallinfo2().uordblks);
  double resident = residentBytes();
  static double residentBytes() {
    std::ifstream statm("/proc/self/statm");
    double total = 0, resident = 0;
    statm >> total >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
  }
};

/// Open descriptors of this process.
std::ptrdiff_t descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

/// How often each call ran, by its number: the plugin posts the input of every call that it runs here.
class Ledger final : public net::HttpClient {
 public:
  Result<net::HttpResponse> send(const net::HttpRequest& request, const net::HttpOptions&) override {
    const auto asked = parseJson(request.body);
    if (asked) ++ran_[static_cast<std::size_t>(std::atoi(asked->strOr("client_id").c_str()))];
    return net::HttpResponse{204, {}, {}};
  }
  int next() { return next_++; }
  void note(const Error& error) {
    if (failed_.fetch_add(1) > 0) return;
    const std::lock_guard lock(mutex_);
    first_failure_ = error.detail;
  }
  /// Every call that began ran once.
  void check(int at_least) {
    const int calls = next_.load();
    int missing = 0, doubled = 0;
    for (int i = 0; i < calls; ++i) {
      const int ran = ran_[static_cast<std::size_t>(i)];
      missing += ran == 0 ? 1 : 0;
      doubled += ran > 1 ? 1 : 0;
    }
    CHECK_MESSAGE(failed_.load() == 0, first_failure_);
    CHECK(missing == 0);
    CHECK(doubled == 0);
    CHECK(calls > at_least);
  }
  int calls() const { return next_.load(); }

 private:
  std::unique_ptr<std::atomic<unsigned char>[]> ran_{new std::atomic<unsigned char>[kMaxCalls]()};
  std::atomic<int> next_{0};
  std::atomic<int> failed_{0};
  std::string first_failure_;
  std::mutex mutex_;
};

/// The callers; they end with it.
class Load {
 public:
  Load(PluginHost& host, Ledger& ledger) {
    for (int i = 0; i < kCallers; ++i) threads_.emplace_back([&] { call(host, ledger); });
  }
  ~Load() {
    ending_ = true;
    for (auto& thread : threads_) thread.join();
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

 private:
  void call(PluginHost& host, Ledger& ledger) {
    const auto provider = host.identity().ofKind("device");
    if (!provider) return ledger.note(provider.error());
    while (!ending_) {
      const int number = ledger.next();
      if (number >= kMaxCalls) return;
      if (const auto answer = (*provider)->beginDevice({}, std::to_string(number), "s"); !answer) ledger.note(answer.error());
    }
  }
  std::atomic<bool> ending_{false};
  std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("swaps under load lose no call and double none") {
  std::string isolation;
  SUBCASE("in process") { isolation = "inproc"; }
  SUBCASE("in processes of their own") { isolation = "process"; }
  const SystemClock clock;
  const test::TempDir dir;
  test::TempDb db(db::Dialect::sqlite, {&plugin::kMigrations});
  const config::SecretStore secrets("/nowhere", {});
  Ledger ledger;
  PluginHostSettings settings;
  settings.plugin_dir = CCP_BINARY_DIR "/tests/plugins";
  settings.state_dir = dir.path();
  settings.dev = true;
  PluginHost host(db.db(), ledger, secrets, clock, db.random, db.metrics, settings);
  const Status loaded = host.load({{"ledger", "ccp.test-ledger", isolation, Json(), {}}});
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error().detail);

  const int wanted = rounds(isolation == "process");
  int swapped = 0;
  {
    const Load load(host, ledger);
    for (int i = 0; i < kWarm; ++i) REQUIRE(host.swap("ledger", "test").has_value());
    const Memory before;
    const auto descriptors_before = descriptors();
    const int calls_before = ledger.calls();
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < wanted; ++i) {
      const auto change = host.swap("ledger", "test");
      if (change && change->drained) {
        ++swapped;
      } else {
        MESSAGE("swap " << i << ": " << (change ? "calls were left behind" : change.error().detail));
      }
    }
    const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
    const Memory after;
    const double heap = (after.heap - before.heap) / wanted;
    MESSAGE(isolation << ": " << wanted << " swaps in " << took.count() << " ms under " << kCallers << " callers, " << ledger.calls() - calls_before
                      << " calls; growth of ccpd per swap: heap " << heap << " bytes, resident " << (after.resident - before.resident) / wanted << " bytes");
    // An instance with its host services has some 5 KiB; keeping any of them would show.
    CHECK(heap < 4096);
    CHECK(descriptors() <= descriptors_before + 4);  // the database may have opened a connection more
  }
  CHECK(swapped == wanted);
  ledger.check(wanted);
  CHECK(host.retired() == 0);
  // The same bytes are mapped once, however often they are swapped.
  CHECK(host.list().at(0).isolation == isolation);
  CHECK(db.metrics.counter("ccp_plugin_swaps_total", "", {{"instance", "ledger"}, {"result", "ok"}}).value() == wanted + kWarm);
}

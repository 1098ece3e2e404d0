// Swaps under load: no call fails, none runs twice. CCP_SWAP_ROUNDS sets how many (100; the goal is 1,000).
#include <doctest/doctest.h>

#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <thread>

#include "tests/unit/core/plugin/plugin_world.hpp"

using namespace ccp;
using namespace ccp::plugin;
using ccp::test::PluginWorld;
using ccp::test::put;
using ccp::test::ScriptedPlugin;

namespace {

constexpr int kCallers = 8;
constexpr int kMaxCalls = 4'000'000;

int rounds() {
  const char* text = std::getenv("CCP_SWAP_ROUNDS");
  return text ? std::atoi(text) : 100;
}

std::size_t heapInUse() { return mallinfo2().uordblks; }

std::size_t residentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// How often each call ran, by its number.
struct Ledger {
  std::unique_ptr<std::atomic<unsigned char>[]> ran{new std::atomic<unsigned char>[kMaxCalls]()};
  std::atomic<int> next{0};
  std::atomic<int> failed{0};
  std::string first_failure;
  std::mutex mutex;

  void note(const Error& error) {
    if (failed.fetch_add(1) > 0) return;
    const std::lock_guard lock(mutex);
    first_failure = error.detail;
  }
};

}  // namespace

TEST_CASE("swaps under load lose no call and double none") {
  const SystemClock clock;
  PluginWorld w(true, &clock);
  w.manifest.set("max_concurrency", 4);  // fewer places than callers: some wait for one when the swap comes
  auto ledger = std::make_unique<Ledger>();
  auto& script = ScriptedPlugin::get();
  script.remember = false;
  script.ops["begin"] = [&](const ccp_host*, const ccp_call* call, std::string_view in) {
    const Json asked = *parseJson(in);
    ++ledger->ran[static_cast<std::size_t>(std::atoi(asked.strOr("client_id").c_str()))];
    return put(call->out, R"({"user_code":"u","device_code":"d","state":{}})");
  };
  REQUIRE(w.load().has_value());

  std::atomic<bool> ending{false};
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      const auto provider = w.provider();
      while (!ending) {
        const int number = ledger->next++;
        if (number >= kMaxCalls) return;
        const auto answer = provider->beginDevice({}, std::to_string(number), "s");
        if (!answer) ledger->note(answer.error());
      }
    });
  }
  const int wanted = rounds();
  int swapped = 0;
  for (int i = 0; i < 5; ++i) REQUIRE(w.host.swap("one", "test").has_value());  // warm
  const std::size_t heap_before = heapInUse(), resident_before = residentBytes();
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < wanted; ++i) {
    const auto change = w.host.swap("one", "test");
    if (change && change->drained) {
      ++swapped;
    } else {
      MESSAGE("swap " << i << ": " << (change ? "calls were left behind" : change.error().detail));
    }
  }
  const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
  const std::size_t heap_after = heapInUse(), resident_after = residentBytes();
  ending = true;
  for (auto& caller : callers) caller.join();

  const int calls = ledger->next.load();
  int missing = 0, doubled = 0;
  for (int i = 0; i < calls; ++i) {
    const int ran = ledger->ran[static_cast<std::size_t>(i)];
    missing += ran == 0 ? 1 : 0;
    doubled += ran > 1 ? 1 : 0;
  }
  CHECK(swapped == wanted);
  CHECK_MESSAGE(ledger->failed.load() == 0, ledger->first_failure);
  CHECK(missing == 0);
  CHECK(doubled == 0);
  CHECK(calls > wanted);
  CHECK(script.created.load() == wanted + 6);
  CHECK(script.destroyedAfter(wanted + 5) == wanted + 5);
  const auto perSwap = [&](std::size_t before, std::size_t after) { return (static_cast<double>(after) - static_cast<double>(before)) / wanted; };
  const double heap = perSwap(heap_before, heap_after);
  MESSAGE(wanted << " swaps in " << took.count() << " ms under " << kCallers << " callers, " << calls << " calls; per swap: heap "
                 << heap << " bytes, resident " << perSwap(resident_before, resident_after) << " bytes");
  // An instance with its host services has some 5 KiB; keeping any of them would show.
  CHECK(heap < 4096);
}

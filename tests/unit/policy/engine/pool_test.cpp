// Many programs, many threads, long lives.
#include "tests/unit/policy/engine/run.hpp"

#include <atomic>
#include <fstream>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::policy::test;

namespace {

std::size_t residentBytes() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

constexpr const char* kSource = "function decide(input) return {allow = input.n == ccp.data.n, v = ccp.data.n} end";

}  // namespace

TEST_CASE("programs are apart, whichever thread asks") {
  Engine engine;
  std::vector<ProgramPtr> programs;
  for (int i = 0; i < 8; ++i) programs.push_back(compiled(engine, kSource, Json::object({{"n", i}})));
  const auto faulty = compiled(engine, "function decide(input) while true do end end");
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 64; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 60; ++i) {
        const int n = (thread + i) % 8;
        const Outcome out = engine.decide(programs[static_cast<std::size_t>(n)], "{\"n\": " + std::to_string(n) + "}", {}, Recording{i % 3 == 0, false});
        if (out.result["allow"].asBool() != true || out.result["v"].asInt() != n) ++wrong;
        if (i % 20 == 0 && engine.decide(faulty, "{}").fault != Fault::timeout) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("programs are loaded, used and let go on many threads") {
  Engine engine(Engine::Options{64 << 10});
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 30; ++i) {
        const auto program = engine.load("p.lua", kSource, Json::object({{"n", i}}));
        for (int n = 0; program && n < 3; ++n) {
          if (engine.decide(*program, "{\"n\": " + std::to_string(i) + "}").result["allow"].asBool() != true) ++wrong;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("a program may outlive its engine") {
  ProgramPtr program;
  {
    Engine engine;
    program = compiled(engine, kSource);
    (void)engine.decide(program, "{}");
  }
  program.reset();
}

TEST_CASE("memory stays flat however many programs there are") {
  constexpr std::size_t kIdle = 4 << 20;
  Engine engine(Engine::Options{kIdle});
  std::vector<ProgramPtr> programs;
  for (int i = 0; i < 200; ++i) programs.push_back(compiled(engine, kSource, Json::object({{"n", i}})));
  const std::size_t before = residentBytes();
  for (int i = 200; i < 2000; ++i) programs.push_back(compiled(engine, kSource, Json::object({{"n", i}})));
  for (int i = 0; i < 2000; i += 7) CHECK(engine.decide(programs[static_cast<std::size_t>(i)], "{\"n\": " + std::to_string(i) + "}").result["allow"].asBool() == true);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(residentBytes() < before + (16 << 20));
#else
  (void)before;
#endif
}

TEST_CASE("interpreters are renewed, and faults leak nothing") {
  Engine engine;
  const auto program = compiled(engine, "function decide(input) if input.boom then local t = {} while true do t = {t} end end return {allow = true} end");
  for (int i = 0; i < 20'100; ++i) {
    if (engine.decide(program, "{}").fault != Fault::none) FAIL("call " << i);
  }
  const std::size_t before = residentBytes();
  for (int i = 0; i < 200; ++i) CHECK((engine.decide(program, "{\"boom\": true}").fault == Fault::memory));
  CHECK((engine.decide(program, "{}").fault == Fault::none));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(residentBytes() < before + (16 << 20));
#else
  (void)before;
#endif
}

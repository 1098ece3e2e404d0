// The corpus against the engine. Every program is loaded, asked three times with new inputs, asked
// again in another engine and once more with everything recorded; what it does is what its file
// says, the same each time, within the budget, on one worker thread with the smallest stack that
// workers have. After each program a benign policy decides right on that thread, and the heap is
// where it was.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>

#include "tests/policy/hostile/corpus.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CCP_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CCP_SANITIZED 1
#endif
#endif
#ifdef CCP_SANITIZED
extern "C" std::size_t
__sanitizer_get_current_allocated_bytes();  // NOLINT: gcc ships no header for it
#endif

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::policy::hostile;

namespace {

#ifdef CCP_SANITIZED
constexpr int kSlowness = 4;  // as the engine's own backstop
std::size_t heapInUse() {
  return __sanitizer_get_current_allocated_bytes();
}
#else
constexpr int kSlowness = 1;
std::size_t heapInUse() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}
#endif

#ifdef CCP_SANITIZED
const Limits kLimits{
    .wall = milliseconds(10)};  // the engine's backstop is later here; the corpus is large
#else
const Limits kLimits{};
#endif
constexpr double kWallMs = 25.0 * kSlowness;
/// Compiling happens once and has more time than a decision.
constexpr double kLoadMs = 250.0 * kSlowness;
constexpr std::size_t kWorkerStack = 1u << 20;
/// What one program may leave on the heap: counters, a cached block, never an interpreter.
constexpr std::size_t kSlack = 64u << 10;
constexpr const char* kBenign = R"(
local lanes = { anthropic = true, zai = true }
function decide(input)
  if input.subject.plan == "free" and input.subject.usage > 40 then
    return { allow = false, reason = "free plan", rule = "quota" }
  end
  return { allow = lanes[input.lane] == true, lane = input.lane }
end
)";

double cpuMs() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

/// Runs on a thread of its own with a small stack, and collects what went wrong there.
std::vector<std::string> onWorker(const std::function<void(std::vector<std::string>&)>& work) {
  struct Job {
    const std::function<void(std::vector<std::string>&)>& work;
    std::vector<std::string> out;
  } job{work, {}};
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kWorkerStack);
  pthread_t thread{};
  const auto main = [](void* argument) -> void* {
    auto& mine = *static_cast<Job*>(argument);
    try {
      mine.work(mine.out);
    } catch (const std::exception& error) {
      mine.out.push_back(std::string("exception: ") + error.what());
    }
    return nullptr;
  };
  REQUIRE((::pthread_create(&thread, &attributes, main, &job) == 0));
  ::pthread_join(thread, nullptr);
  ::pthread_attr_destroy(&attributes);
  return std::move(job.out);
}

/// Stdout into a file for as long as it lives.
class Captured {
 public:
  Captured() : before_(::dup(STDOUT_FILENO)) {
    char name[] = "/tmp/ccp-hostile-XXXXXX";
    file_ = ::mkstemp(name);
    ::unlink(name);
    std::fflush(stdout);
    ::dup2(file_, STDOUT_FILENO);
  }
  ~Captured() {
    std::fflush(stdout);
    ::dup2(before_, STDOUT_FILENO);
    ::close(before_);
    ::close(file_);
  }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  off_t size() const {
    std::fflush(stdout);
    struct stat info {};
    ::fstat(file_, &info);
    return info.st_size;
  }

 private:
  int before_;
  int file_;
};

Outcome notLoaded(const Error& error) {
  Outcome out;
  out.fault = Fault::load_error;
  out.message = error.detail;
  return out;
}

bool printableText(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

/// Only the clock's faults come at another moment each time.
bool byClock(const Outcome& o) {
  return o.fault == Fault::timeout && o.message.find("fuel") == std::string::npos;
}

/// Everything that must be the same wherever a program runs.
std::string fingerprint(const Outcome& o) {
  return std::string(toString(o.fault)) + "\n" + o.message + "\n" + o.result.dump() +
         (o.fault == Fault::none ? "\n" + std::to_string(o.fuel) : "");
}

class Trial {
 public:
  Trial(const Case& one, std::vector<std::string>& failures) : case_(one), failures_(failures) {}

  void run(Engine& engine, Engine& other) {
    const auto first = ask(engine, {}, true, 3);
    // What runs to a limit takes as long each time: once is enough to see that it does so again.
    const std::size_t calls =
        first[0].fault == Fault::timeout || first[0].fault == Fault::memory ? 1 : 3;
    const auto second = ask(other, {}, false, calls);
    const auto recorded = ask(engine, {.fields = true, .lines = true}, false, calls);
    for (std::size_t i = 0; i < calls; ++i) {
      if (const auto why = case_.expect[i].refuses(second[i]); !why.empty())
        fail(i, "in another engine: " + why);
      if (const auto why = case_.expect[i].refuses(recorded[i]); !why.empty())
        fail(i, "recorded: " + why);
      if (!byClock(first[i]) && !byClock(second[i]) &&
          fingerprint(first[i]) != fingerprint(second[i]))
        fail(i, "another engine says otherwise: " + fingerprint(first[i]) + " / " +
                    fingerprint(second[i]));
      // Recording costs fuel and memory of its own: it may end at a limit, and only there.
      const bool limit = recorded[i].fault == Fault::timeout || recorded[i].fault == Fault::memory;
      if (!byClock(first[i]) && !limit && first[i].fault != recorded[i].fault)
        fail(i, std::string("recorded it ends otherwise: ") + toString(recorded[i].fault));
      if (first[i].fault == Fault::none && !limit && !(first[i].result == recorded[i].result))
        fail(i, "recorded it decides otherwise: " + recorded[i].result.dump());
    }
  }

  void fail(std::size_t call, const std::string& why) {
    failures_.push_back(case_.name + ", call " + std::to_string(call + 1) + ": " +
                        why.substr(0, 700));
  }

 private:
  std::array<Outcome, 3> ask(Engine& engine, Recording recording, bool check, std::size_t calls) {
    std::array<Outcome, 3> out;
    const auto begun = cpuMs();
    const auto program = engine.load(case_.name + ".lua", case_.source, constants());
    if (check) pace(0, cpuMs() - begun, kLoadMs);
    for (std::size_t i = 0; i < calls; ++i) {
      const auto before = cpuMs();
      out[i] = program
                   ? engine.decide(*program, inputOf(static_cast<int>(i) + 1), kLimits, recording)
                   : notLoaded(program.error());
      if (!check) continue;
      pace(i, cpuMs() - before, kWallMs);
      look(i, out[i]);
    }
    return out;
  }

  void pace(std::size_t call, double ms, double budget) {
    if (ms > 2 * budget) fail(call, "took " + std::to_string(ms) + " ms of CPU time");
  }

  void look(std::size_t i, const Outcome& o) {
    if (const auto why = case_.expect[i].refuses(o); !why.empty()) fail(i, why);
    if (o.fault == Fault::none) return;
    if (!o.result.isNull() && o.result["allow"].asBool().value_or(false))
      fail(i, "a fault that allows");
    if (o.message.empty()) fail(i, "a fault without a message");
    if (o.message.size() > 512)
      fail(i, "a message of " + std::to_string(o.message.size()) + " bytes");
    if (!printableText(o.message))
      fail(i, "the message is not printable: " + Json(o.message).dump());
    if (o.message.find("0x") != std::string::npos && case_.name.find("0x") == std::string::npos)
      fail(i, "an address in the message: " + o.message);
    // A policy's own mistakes say where they are.
    if ((o.fault == Fault::runtime_error || o.fault == Fault::timeout) &&
        o.message.find(".lua") == std::string::npos)
      fail(i, "the message does not say where: " + o.message);
  }

  const Case& case_;
  std::vector<std::string>& failures_;
};

void checkBenign(Engine& engine, const ProgramPtr& benign, const std::string& after,
                 std::vector<std::string>& failures) {
  const auto denied =
      engine.decide(benign, R"({"subject":{"plan":"free","usage":41},"lane":"zai"})");
  const auto allowed =
      engine.decide(benign, R"({"subject":{"plan":"team","usage":41},"lane":"zai"})");
  if (denied.fault != Fault::none || denied.result["allow"].asBool().value_or(true) ||
      denied.result.strOr("rule") != "quota")
    failures.push_back("after " + after + " the benign policy denies wrongly: " + denied.message +
                       denied.result.dump());
  if (allowed.fault != Fault::none || !allowed.result["allow"].asBool().value_or(false) ||
      allowed.result.strOr("lane") != "zai")
    failures.push_back("after " + after + " the benign policy allows wrongly: " + allowed.message +
                       allowed.result.dump());
}

void runAll(const std::vector<Case>& cases, std::vector<std::string>& failures) {
  Engine engine;
  Engine other;
  const auto benign = engine.load("benign.lua", kBenign);
  if (!benign) {
    failures.push_back("the benign policy does not load: " + benign.error().text());
    return;
  }
  checkBenign(engine, *benign, "nothing", failures);
  const char* only = std::getenv("CCP_HOSTILE_ONLY");
  bool warm = false;
  for (const auto& one : cases) {
    if (only != nullptr && one.name.find(only) == std::string::npos) continue;
    const auto known = failures.size();
    if (!warm) Trial(one, failures).run(engine, other);  // what is made once is there
    failures.resize(known);
    warm = true;
    const auto before = heapInUse();
    Trial(one, failures).run(engine, other);
    const auto after = heapInUse();
    if (failures.size() == known && after > before + kSlack)
      failures.push_back(one.name + " leaves " + std::to_string(after - before) + " bytes");
    checkBenign(engine, *benign, one.name, failures);
  }
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += "\n  " + line;
  return out;
}

}  // namespace

TEST_CASE("the corpus is as large and as broad as policy.md asks") {
  const auto files = readCorpus(CCP_SOURCE_DIR "/tests/policy/hostile");
  CHECK((files.size() >= 300));
  std::map<std::string, int> classes;
  for (const auto& one : files) ++classes[one.name.substr(0, one.name.find('/'))];
  for (const char* name : {"reach", "leak", "cpu", "memory", "errors", "results", "state", "input",
                           "library", "vm", "loader"}) {
    CAPTURE(name);
    CHECK((classes[name] >= 10));
  }
  CHECK((generatedCases().size() >= 50));
}

TEST_CASE("every hostile program ends as its file says, and nothing stays behind") {
  auto cases = readCorpus(CCP_SOURCE_DIR "/tests/policy/hostile");
  for (auto& one : generatedCases()) cases.push_back(std::move(one));
  std::vector<std::string> failures;
  off_t printed = 0;
  {
    const Captured captured;
    failures = onWorker([&](std::vector<std::string>& out) { runAll(cases, out); });
    printed = captured.size();
  }
  CHECK_MESSAGE(failures.empty(), failures.size(), " of ", cases.size(), " checks failed",
                joined(failures));
  CHECK((printed == 0));
}

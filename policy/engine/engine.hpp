// Runs one policy file in the sandbox: Lua without a way out, with budgets that nothing gets around
// (docs/adr/0014-policy-engine.md). The engine knows no packs, points or schemas: text in, answer out.
// A decision is a pure function of (program, input): no clock, randomness, I/O or order of a table.
// Threads: everything here is thread-safe; one decision runs on one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/time.hpp"

namespace ccp::policy {

/// Budgets of one decision; loading a program has the same ones.
struct Limits {
  std::uint64_t fuel = 200'000;     ///< instructions, and what host functions charge
  std::size_t memory = 2u << 20;    ///< bytes above what the loaded program holds
  Duration wall = milliseconds(25); ///< backstop; fuel is the reproducible bound
};
/// What a pack may ask for at most.
inline constexpr Limits kMaxLimits{2'000'000, 16u << 20, milliseconds(100)};

enum class Fault : std::uint8_t { none, timeout, memory, load_error, runtime_error, bad_result };
const char* toString(Fault fault) noexcept;

/// What to write down beside the answer; each costs time.
struct Recording {
  bool fields = false;  ///< paths of the input that were read
  bool lines = false;   ///< lines that ran
};

struct Outcome {
  Fault fault = Fault::none;
  std::string message;  ///< of a fault: "model.lua:12: …", printable, at most 512 bytes
  /// The table that decide() returned, checked: `allow` is a boolean, shape and sizes are within bounds.
  Json result;
  std::uint64_t fuel = 0;
  std::size_t memory_peak = 0;  ///< bytes above base
  Duration elapsed{};
  std::vector<std::string> fields_read;  ///< JSON pointers, sorted, each once
  std::vector<int> lines;                ///< of the file, sorted, each once
};

/// A policy file, compiled, with its constants (`ccp.data`). Immutable.
class Program;
using ProgramPtr = std::shared_ptr<const Program>;

class Engine {
 public:
  struct Options {
    std::size_t idle_bytes = 384u << 20;  ///< interpreters kept for reuse, all programs together: 10,000 small ones
  };
  Engine();
  explicit Engine(const Options& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Refuses an interpreter that compiles wrongly or was built wrongly (`policy_engine_unfit`); run at
  /// every start, before anything is decided.
  static Status selfTest();
  /// "5.4.9"
  static std::string_view luaVersion() noexcept;

  /// Compiles, and runs the file once to see that it defines decide(). `path` stands in messages.
  /// `policy_compile_failed` says file and line.
  Result<ProgramPtr> load(std::string path, std::string_view source, const Json& data = Json::object(),
                          const Limits& limits = {});
  /// `input_json` is the text of one JSON object: at most 256 KiB, depth 32, 10,000 nodes, integers within
  /// ±2^53; anything else is a runtime_error before the policy sees it.
  Outcome decide(const ProgramPtr& program, std::string_view input_json, const Limits& limits = {}, Recording recording = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ccp::policy

// One Lua state with one program in it. No state ever sees two programs; one that faulted is thrown away.
// Threads: one at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/engine/budget.hpp"
#include "policy/engine/input.hpp"

namespace ccp::policy {

/// What every interpreter of a program is built from.
struct ProgramText {
  std::string path;  ///< printable
  std::string source;
  Json data;
};

class Interpreter {
 public:
  /// Compiles and runs the file once; nullptr with fault and message in `out` otherwise.
  static std::unique_ptr<Interpreter> build(const ProgramText& text, const Limits& limits, Outcome& out);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  void decide(std::string_view input_json, const Limits& limits, Recording recording, Outcome& out);
  /// Not to be used again.
  bool spent() const noexcept { return faulted_ || decisions_ >= kLifetime; }
  std::size_t bytes() const noexcept { return budget_.held() + sizeof(Interpreter); }

  static Interpreter& of(lua_State* L) noexcept { return **static_cast<Interpreter**>(lua_getextraspace(L)); }
  Budget& budget() noexcept { return budget_; }
  /// Of the run that is on its way.
  Input* input() noexcept { return input_; }

  /// The pool's, while this waits in it.
  struct Links {
    Interpreter* older = nullptr;
    Interpreter* newer = nullptr;
    void* shelf = nullptr;
    std::size_t bytes = 0;
  } links;

 private:
  /// Decisions: bounds what leaks or fragments.
  static constexpr std::uint64_t kLifetime = 10'000;
  /// Garbage that runs leave behind before it is collected; and what is collected thoroughly.
  static constexpr std::size_t kGarbage = 6u << 10;
  static constexpr std::size_t kSlack = 256u << 10;

  struct Job;
  class Witness;
  explicit Interpreter(const ProgramText& text) : text_(text) {}
  static int prepare(lua_State* L);
  static int compile(lua_State* L);
  static int rehearse(lua_State* L);
  static int run(lua_State* L);
  static void runFile(lua_State* L);
  static void hook(lua_State* L, lua_Debug* event);
  friend class Budget;
  void explain(int status, Outcome& out) const;

  const ProgramText& text_;
  Budget budget_;
  Input* input_ = nullptr;
  lua_State* L_ = nullptr;
  std::uint64_t decisions_ = 0;
  bool faulted_ = false;
  int line_ = 0;             ///< where the last run failed
  std::vector<bool> lines_;  ///< that ran, when asked for
};

inline Budget& budgetOf(lua_State* L) noexcept { return Interpreter::of(L).budget(); }

/// Printable ASCII, at most 512 bytes; everything else as \xNN.
std::string printable(std::string_view text);

}  // namespace ccp::policy

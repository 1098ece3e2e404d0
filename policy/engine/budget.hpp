// What one run may use: fuel, time and memory. Everything that a program can make happen passes here: the
// count hook every 100 instructions, each host function by its charge, and the allocator. A fault sticks:
// from then on every check raises it again, and the run is lost whatever it returns.
// Threads: one run at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "policy/engine/arena.hpp"
#include "policy/engine/engine.hpp"
#include "policy/engine/lua.hpp"

namespace ccp::policy {

/// The longest string, and the largest block that a table takes at once for its keys: together with the hook
/// they bound what a single instruction costs.
inline constexpr std::size_t kMaxString = 64u << 10;
inline constexpr std::size_t kMaxBlock = 256u << 10;

class Budget {
 public:
  /// Starts a run. Memory counts from `base_`.
  void start(const Limits& limits);
  /// Everything is allowed: the host builds, not a program.
  void suspend() noexcept;
  void resume() noexcept;
  /// What the allocator holds now is what a program starts from.
  void rebase() noexcept { base_ = used_; }

  /// Uses fuel; raises when it is out, or time is.
  void charge(lua_State* L, std::uint64_t units) {
    fuel_ += units;
    unclocked_ += units;
    if (fuel_ > limits_.fuel || unclocked_ >= kClockEvery) check(L);
  }
  /// Of the hook: 100 instructions, and a look at the clock.
  void tick(lua_State* L) {
    fuel_ += kTick;
    check(L);
  }
  /// A loop of the host's that uses no fuel; raises when time is out.
  void pace(lua_State* L, std::uint64_t units) {
    unclocked_ += units;
    if (unclocked_ >= kClockEvery) check(L);
  }
  /// Raises `fault` as what ended the run.
  [[noreturn]] void raise(lua_State* L, Fault fault, const char* why);
  /// Raises a memory fault when a string of `size` bytes would be too long.
  void string(lua_State* L, std::size_t size) {
    if (size > kMaxString) raise(L, Fault::memory, "a string would be longer than 64 KiB");
  }
  /// Sets the hook that counts instructions.
  void arm(lua_State* L, bool lines);
  bool outOfTime() noexcept;
  /// Fuel for comparing strings, where nothing can be raised: false when the comparison shall end.
  bool compareMore(std::uint64_t units) noexcept;

  Fault fault() const noexcept { return fault_; }
  const char* why() const noexcept { return why_; }
  bool refused() const noexcept { return refusals_ != 0; }
  /// Why the allocator refused last.
  const char* refusal() const noexcept { return refusal_; }
  std::uint64_t fuel() const noexcept { return fuel_; }
  std::size_t used() const noexcept { return used_; }
  /// What the process gave, in use or not.
  std::size_t held() const noexcept { return arena_.bytes(); }
  std::size_t base() const noexcept { return base_; }
  std::size_t peak() const noexcept { return peak_ > base_ ? peak_ - base_ : 0; }
  const Limits& limits() const noexcept { return limits_; }
  Duration elapsed() const noexcept;

  static void* allocate(void* budget, void* block, std::size_t old_size, std::size_t new_size);
  static constexpr int kTick = 100;

 private:
  static constexpr std::uint64_t kClockEvery = 2000;
  static constexpr int kMaxRefusals = 16;

  void check(lua_State* L);
  void set(Fault fault, const char* why) noexcept;
  bool refuse(void* block, std::size_t old_size, std::size_t new_size) noexcept;

  Arena arena_;
  Limits limits_{};
  std::uint64_t fuel_ = 0;
  std::uint64_t unclocked_ = 0;
  std::uint64_t started_ = 0;     ///< steady clock, ns
  std::uint64_t cpu_mark_ = 0;    ///< this thread's CPU clock when a quarter of the time was over
  std::size_t used_ = 0, base_ = 0, peak_ = 0;
  int refusals_ = 0;
  bool host_ = true;
  Fault fault_ = Fault::none;
  const char* why_ = "";
  const char* refusal_ = "ran out of memory";
};

}  // namespace ccp::policy

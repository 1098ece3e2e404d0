#include "policy/engine/budget.hpp"

#include <cstdlib>
#include <cstring>
#include <ctime>

#include "policy/engine/slow_build.hpp"

namespace ccp::policy {
namespace {

/// Beyond this many times the limit, time that the thread did not get counts as well.
constexpr std::uint64_t kPatience = 8;

std::uint64_t clockNs(clockid_t clock) noexcept {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
}

std::uint64_t limitNs(Duration wall) noexcept {
  return wall.count() <= 0 ? 0 : static_cast<std::uint64_t>(wall.count()) * 1000u * kSlowness;
}

/// Of the run on this thread: what Lua calls without saying for whom.
thread_local Budget* current = nullptr;

}  // namespace

void Budget::start(const Limits& limits) {
  limits_ = limits;
  fuel_ = unclocked_ = cpu_mark_ = 0;
  refusals_ = 0;
  fault_ = Fault::none;
  why_ = "";
  peak_ = used_;
  resume();
  started_ = clockNs(CLOCK_MONOTONIC);
}

void Budget::suspend() noexcept {
  host_ = true;
  current = nullptr;
}

void Budget::resume() noexcept {
  host_ = false;
  current = this;
}

Duration Budget::elapsed() const noexcept {
  return Duration(static_cast<std::int64_t>((clockNs(CLOCK_MONOTONIC) - started_ + 500) / 1000));
}

/// The limit is on what this thread does: a machine that is busy with other things makes no policy fail.
/// Asking for the thread's CPU time is a system call, so that only runs that take long pay for it.
bool Budget::outOfTime() noexcept {
  const std::uint64_t limit = limitNs(limits_.wall);
  const std::uint64_t passed = clockNs(CLOCK_MONOTONIC) - started_;
  if (passed < limit / 4) return false;
  const std::uint64_t cpu = clockNs(CLOCK_THREAD_CPUTIME_ID);
  if (cpu_mark_ == 0) cpu_mark_ = cpu;
  if (passed < limit) return false;
  return limit / 4 + (cpu - cpu_mark_) >= limit || passed >= limit * kPatience;
}

void Budget::set(Fault fault, const char* why) noexcept {
  if (fault_ != Fault::none) return;
  fault_ = fault;
  why_ = why;
}

void Budget::raise(lua_State* L, Fault fault, const char* why) {
  set(fault, why);
  lua_sethook(L, lua_gethook(L), LUA_MASKCOUNT, 1);
  lua_pushnil(L);
  lua_error(L);
  std::abort();  // lua_error does not return
}

void Budget::check(lua_State* L) {
  unclocked_ = 0;
  if (fault_ != Fault::none) raise(L, fault_, why_);
  if (fuel_ > limits_.fuel) raise(L, Fault::timeout, "used up its fuel");
  if (outOfTime()) raise(L, Fault::timeout, "ran out of time");
}

bool Budget::refuse(void* block, std::size_t old_size, std::size_t new_size) noexcept {
  const bool fresh = block == nullptr;
  const std::size_t held = fresh ? 0 : old_size;
  if (new_size <= held) return false;
  const char* why = nullptr;
  // For a new object `old_size` is its kind; 0 is a vector.
  if (fresh && old_size == LUA_TSTRING && new_size > kMaxString + 64) why = "a string would be longer than 64 KiB";
  if (fresh && old_size == 0 && new_size > kMaxBlock) why = "a table would have more than 8192 keys";
  if (used_ - held + new_size > base_ + limits_.memory) why = "ran out of memory";
  if (why == nullptr) return fault_ != Fault::none;
  refusal_ = why;
  // Each refusal makes Lua collect everything and ask again: a program that lives at its limit would
  // spend its time there, between two ticks of the hook.
  if (++refusals_ > kMaxRefusals) set(Fault::memory, "ran out of memory");
  if (outOfTime()) set(Fault::timeout, "ran out of time");
  return true;
}

void* Budget::allocate(void* budget, void* block, std::size_t old_size, std::size_t new_size) {
  auto& self = *static_cast<Budget*>(budget);
  const std::size_t held = block == nullptr ? 0 : old_size;
  if (new_size == 0) {
    if (block == nullptr) return nullptr;
    self.used_ -= held;
    self.arena_.release(block, held);
    return nullptr;
  }
  if (!self.host_ && self.refuse(block, old_size, new_size)) return nullptr;
  void* out = block == nullptr ? self.arena_.allocate(new_size) : self.arena_.resize(block, held, new_size);
  if (out == nullptr) return nullptr;
  self.used_ += new_size;
  self.used_ -= held;
  if (self.used_ > self.peak_) self.peak_ = self.used_;
  return out;
}

bool Budget::compareMore(std::uint64_t units) noexcept {
  fuel_ += units;
  unclocked_ += units;
  if (fuel_ > limits_.fuel) set(Fault::timeout, "used up its fuel");
  if (unclocked_ >= kClockEvery && outOfTime()) set(Fault::timeout, "ran out of time");
  return fault_ == Fault::none;
}

}  // namespace ccp::policy

/// For Lua (lua_config.h): the order of two texts up to their NULs. It cannot raise; when the budget is used up it
/// ends the comparison with any answer, and the next check ends the run.
int ccpLuaCompare(const char* a, const char* b) {
  constexpr std::size_t kChunk = 256;
  ccp::policy::Budget* budget = ccp::policy::current;
  for (std::size_t at = 0;; at += kChunk) {
    if (budget != nullptr && !budget->compareMore(at == 0 ? 1 : 4)) return 1;
    if (const int order = std::strncmp(a + at, b + at, kChunk)) return order;
    if (::strnlen(a + at, kChunk) < kChunk) return 0;
  }
}

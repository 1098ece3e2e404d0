// The input of a decision: JSON text to a Lua table, strictly and quickly. With recording the table is filled
// when it is read, and knows what was.
// Threads: one at a time; `ofThread` is the scratch space of the calling thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/engine/lua.hpp"

namespace ccp::policy {

inline constexpr std::size_t kMaxInput = 256u << 10;
inline constexpr int kMaxInputDepth = 32;
inline constexpr std::size_t kMaxInputNodes = 10'000;
inline constexpr std::int64_t kMaxInteger = std::int64_t{1} << 53;

class Input {
 public:
  Input();
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  static Input& ofThread();

  /// Parses; on failure says what is wrong with the text.
  const char* parse(std::string_view json);
  /// Leaves the table on the stack; raises with what is wrong with a value.
  void push(lua_State* L, bool record);
  /// JSON pointers of what was read, sorted: leaves, and containers of which nothing else was read. Names that are
  /// not there count as well: the answer depends on them.
  std::vector<std::string> fieldsRead();
  /// After a run: keeps memory for inputs of the usual size only.
  void clear();

  /// Makes the metatable of recording tables known to a new interpreter.
  static void install(lua_State* L);
  /// A recording table becomes a plain one: everything in it counts as read.
  static void materialize(lua_State* L, int index);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

bool validUtf8(std::string_view text) noexcept;

}  // namespace ccp::policy

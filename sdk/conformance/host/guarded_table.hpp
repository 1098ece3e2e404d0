// A copy of a C table of exactly N bytes whose end is the end of readable memory: a plugin that looks at a
// field which a shorter host does not have is killed there and then, instead of reading whatever follows.
#pragma once

#include <cstddef>

namespace ccp::kit {

class GuardedTable {
 public:
  /// Copies `bytes` bytes (at most a page) and writes that number into the table's `size`.
  GuardedTable(const void* table, std::size_t bytes);
  ~GuardedTable();
  GuardedTable(const GuardedTable&) = delete;
  GuardedTable& operator=(const GuardedTable&) = delete;
  const void* get() const noexcept { return table_; }

 private:
  std::size_t page_;
  void* memory_;
  char* table_;
};

}  // namespace ccp::kit

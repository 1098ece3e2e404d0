// Interpreters that wait for work, within a number of bytes for all programs together: the one that was used
// longest ago goes first, so that ten thousand programs cost as much memory as a hundred.
// Threads: thread-safe; its lock is held for a few pointers.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "policy/engine/interpreter.hpp"

namespace ccp::policy {

class Pool {
 public:
  /// The waiting interpreters of one program; touched by the pool only.
  struct Shelf {
    std::vector<std::unique_ptr<Interpreter>> idle;  ///< the one used last at the back
  };

  explicit Pool(std::size_t limit) : limit_(limit) {}

  /// nullptr when none waits.
  std::unique_ptr<Interpreter> take(Shelf& shelf);
  void give(Shelf& shelf, std::unique_ptr<Interpreter> interpreter);
  /// The program goes away.
  void drop(Shelf& shelf);
  std::size_t bytes() const;

 private:
  void link(Interpreter& interpreter, Shelf& shelf) noexcept;
  void unlink(Interpreter& interpreter) noexcept;

  const std::size_t limit_;
  mutable std::mutex mutex_;
  Interpreter* newest_ = nullptr;  // guarded by mutex_, like all links
  Interpreter* oldest_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace ccp::policy

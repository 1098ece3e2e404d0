#include "policy/engine/pool.hpp"

#include <utility>

namespace ccp::policy {

void Pool::link(Interpreter& interpreter, Shelf& shelf) noexcept {
  interpreter.links = {newest_, nullptr, &shelf, interpreter.links.bytes};
  (newest_ == nullptr ? oldest_ : newest_->links.newer) = &interpreter;
  newest_ = &interpreter;
  bytes_ += interpreter.links.bytes;
}

void Pool::unlink(Interpreter& interpreter) noexcept {
  const auto& links = interpreter.links;
  (links.newer == nullptr ? newest_ : links.newer->links.older) = links.older;
  (links.older == nullptr ? oldest_ : links.older->links.newer) = links.newer;
  bytes_ -= links.bytes;
}

std::unique_ptr<Interpreter> Pool::take(Shelf& shelf) {
  const std::lock_guard lock(mutex_);
  if (shelf.idle.empty()) return nullptr;
  std::unique_ptr<Interpreter> out = std::move(shelf.idle.back());
  shelf.idle.pop_back();
  unlink(*out);
  return out;
}

void Pool::give(Shelf& shelf, std::unique_ptr<Interpreter> interpreter) {
  std::vector<std::unique_ptr<Interpreter>> surplus;  // closed after the lock
  interpreter->links.bytes = interpreter->bytes();
  const std::lock_guard lock(mutex_);
  shelf.idle.push_back(std::move(interpreter));
  link(*shelf.idle.back(), shelf);
  while (bytes_ > limit_) {
    // What is oldest of all is oldest on its shelf.
    auto& idle = static_cast<Shelf*>(oldest_->links.shelf)->idle;
    unlink(*oldest_);
    surplus.push_back(std::move(idle.front()));
    idle.erase(idle.begin());
  }
}

void Pool::drop(Shelf& shelf) {
  std::vector<std::unique_ptr<Interpreter>> surplus;
  const std::lock_guard lock(mutex_);
  for (const auto& interpreter : shelf.idle) unlink(*interpreter);
  surplus.swap(shelf.idle);
}

std::size_t Pool::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace ccp::policy

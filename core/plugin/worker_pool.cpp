#include "core/plugin/worker_pool.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace ccp::plugin {

struct WorkerPool::State {
  std::mutex mutex;
  std::condition_variable work;
  std::condition_variable ended;
  std::deque<std::function<void()>> queue;
  int max_threads = 0;
  int threads = 0;
  int idle = 0;
  bool stopping = false;

  static void loop(const std::shared_ptr<State>& self) {
    std::unique_lock lock(self->mutex);
    while (true) {
      ++self->idle;
      self->work.wait(lock, [&] { return self->stopping || !self->queue.empty(); });
      --self->idle;
      if (self->queue.empty()) break;
      auto task = std::move(self->queue.front());
      self->queue.pop_front();
      lock.unlock();
      task();
      task = nullptr;
      lock.lock();
    }
    --self->threads;
    self->ended.notify_all();
  }
};

WorkerPool::WorkerPool(int max_threads) : state_(std::make_shared<State>()) { state_->max_threads = max_threads; }

WorkerPool::~WorkerPool() { stop(Duration::zero()); }

bool WorkerPool::submit(std::function<void()> task) {
  State& s = *state_;
  {
    const std::lock_guard lock(s.mutex);
    if (s.stopping) return false;
    s.queue.push_back(std::move(task));
    if (s.idle < static_cast<int>(s.queue.size()) && s.threads < s.max_threads) {
      ++s.threads;
      std::thread([self = state_] { State::loop(self); }).detach();
    }
  }
  s.work.notify_one();
  return true;
}

int WorkerPool::stop(Duration patience) {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  s.stopping = true;
  s.work.notify_all();
  s.ended.wait_for(lock, patience, [&] { return s.threads == 0; });
  return s.threads;
}

}  // namespace ccp::plugin

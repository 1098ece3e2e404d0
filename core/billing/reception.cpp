#include "core/billing/reception.hpp"

#include <utility>

namespace ccp::billing {

Reception::~Reception() {
  stop();
}

void Reception::start() {
  const std::lock_guard lock(mutex_);
  running_ = true;
}

void Reception::stop() {
  std::vector<std::thread> threads;
  std::vector<Waiting> left;
  {
    const std::lock_guard lock(mutex_);
    running_ = false;
    threads.swap(threads_);
    for (auto& [instance, lane] : lanes_) {
      for (auto& waiting : lane.waiting) left.push_back(std::move(waiting));
      lane.waiting.clear();
      lane.arrived.notify_all();
    }
  }
  for (auto& waiting : left) {
    --in_flight_;
    waiting.done(fail(Error{Errc::shutting_down, "the server is being stopped", {}, 5}));
  }
  for (auto& thread : threads) thread.join();
  const std::lock_guard lock(mutex_);
  lanes_.clear();
}

void Reception::offer(Delivery delivery, Done done) {
  // A name that nobody configured gets no queue.
  if (const auto known = webhooks_.provider(delivery.instance); !known)
    return done(fail(known.error()));
  std::unique_lock lock(mutex_);
  if (!running_) {
    lock.unlock();
    ++in_flight_;
    const std::string instance = delivery.instance;
    std::vector<Waiting> alone;
    alone.push_back({std::move(delivery), std::move(done)});
    return finish(instance, std::move(alone));
  }
  Lane& lane = lanes_[delivery.instance];
  if (lane.waiting.size() >= kMostWaiting) {
    lock.unlock();
    return done(fail(Error{
        Errc::overloaded, "too many webhooks wait for the plugin of " + delivery.instance, {}, 5}));
  }
  ++in_flight_;
  const std::string instance = delivery.instance;
  lane.waiting.push_back({std::move(delivery), std::move(done)});
  if (lane.idle == 0 && lane.threads < kThreads) {
    ++lane.threads;
    threads_.emplace_back([this, instance, &lane] { serve(instance, lane); });
    return;
  }
  // One that is busy looks again before it sleeps.
  const bool sleeps = lane.idle > 0;
  lock.unlock();
  if (sleeps) lane.arrived.notify_one();
}

std::vector<Reception::Waiting> Reception::take(Lane& lane) {
  std::vector<Waiting> out;
  std::size_t bytes = 0;
  while (!lane.waiting.empty() && out.size() < kTogether) {
    bytes += lane.waiting.front().delivery.body.size();
    if (!out.empty() && bytes > kBytesTogether) break;
    out.push_back(std::move(lane.waiting.front()));
    lane.waiting.pop_front();
  }
  return out;
}

void Reception::serve(const std::string& instance, Lane& lane) {
  std::unique_lock lock(mutex_);
  while (true) {
    ++lane.idle;
    lane.arrived.wait(lock, [&] { return !running_ || !lane.waiting.empty(); });
    --lane.idle;
    if (lane.waiting.empty()) return;
    auto batch = take(lane);
    lock.unlock();
    finish(instance, std::move(batch));
    lock.lock();
  }
}

void Reception::finish(const std::string& instance, std::vector<Waiting> batch) {
  std::vector<Delivery> deliveries;
  deliveries.reserve(batch.size());
  for (auto& waiting : batch) deliveries.push_back(std::move(waiting.delivery));
  auto answers = webhooks_.accept(instance, std::move(deliveries));
  in_flight_ -= batch.size();
  for (std::size_t i = 0; i < batch.size(); ++i) batch[i].done(std::move(answers[i]));
}

}  // namespace ccp::billing

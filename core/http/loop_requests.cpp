#include "core/http/loop_impl.hpp"
#include "core/http/reply.hpp"

namespace ccp::http {
namespace {

using Time = Connection::Time;

Error lateError() {
  return Error{Errc::overloaded, "the request waited too long for a worker", {}, 2};
}

Time fromNs(std::uint64_t at) {
  return Time(std::chrono::nanoseconds(at));
}

}  // namespace

class Loop::Impl::RequestJob final : public WorkerPool::Job {
 public:
  RequestJob(std::shared_ptr<Impl> loop, std::uint64_t id, Exchange exchange)
      : Job(exchange.ticket.route),
        loop_(std::move(loop)),
        id_(id),
        exchange_(std::move(exchange)) {}
  void run(bool late) override {
    Pipeline& pipeline = *loop_->front->pipeline;
    Response response = late ? pipeline.refuse(exchange_.ticket, lateError())
                             : pipeline.handle(exchange_.ticket, std::move(exchange_.body));
    if (!response.promised) exchange_.hold.release();
    loop_->post({id_, std::move(exchange_.ticket), std::move(response), std::move(exchange_.hold)});
  }
  Exchange& exchange() noexcept { return exchange_; }

 private:
  std::shared_ptr<Impl> loop_;
  std::uint64_t id_;
  Exchange exchange_;
};

class Loop::Impl::ResumeJob final : public WorkerPool::Job {
 public:
  ResumeJob(std::shared_ptr<Impl> loop, std::uint64_t id, Parked parked)
      : Job(parked.ticket.route), loop_(std::move(loop)), id_(id), parked_(std::move(parked)) {}
  void run(bool) override {
    Response response = loop_->front->pipeline->resume(parked_.ticket, *parked_.parking);
    loop_->post({id_, std::move(parked_.ticket), std::move(response)});
  }
  Parked& parked() noexcept { return parked_; }

 private:
  std::shared_ptr<Impl> loop_;
  std::uint64_t id_;
  Parked parked_;
};

void Loop::Impl::dispatch(Session& session) {
  Channel& connection = session.connection;
  Exchange exchange = connection.takeRequest();
  if (exchange.ticket.on_loop) {
    handler_since = SystemClock().monotonicNs();
    ++handler_run;
    handler_route = exchange.ticket.route;
    auto response = front->pipeline->handleOnLoop(exchange.ticket, exchange.body);
    handler_route = nullptr;
    if (response)
      return give(session, std::move(exchange.ticket), std::move(*response),
                  std::move(exchange.hold));
  }
  std::unique_ptr<WorkerPool::Job> offered =
      std::make_unique<RequestJob>(shared_from_this(), session.id, std::move(exchange));
  if (front->pool.offer(offered)) return;
  front->refused("queue");
  auto& refused = static_cast<RequestJob&>(*offered).exchange();
  connection.answer(
      front->pipeline->refuse(
          refused.ticket, Error{Errc::overloaded, "every worker is busy, and enough wait", {}, 2}),
      now);
}

void Loop::Impl::give(Session& session, Ticket ticket, Response response, BodyBudget::Hold hold) {
  if (response.parking) return park(session, std::move(ticket), std::move(response));
  if (response.promised)
    return await(session, std::move(ticket), std::move(response), std::move(hold));
  session.connection.answer(std::move(response), now);
}

void Loop::Impl::await(Session& session, Ticket ticket, Response response, BodyBudget::Hold hold) {
  session.awaited.emplace(Awaited{std::move(ticket), std::move(hold)});
  response.promised->whenGiven([self = weak_from_this(), id = session.id](Result<Response> answer) {
    if (const auto loop = self.lock()) loop->post({id, std::nullopt, std::move(answer)});
  });
}

void Loop::Impl::takeMail() {
  {
    const std::lock_guard lock(mailbox_mutex);
    mail.swap(mailbox);
  }
  for (auto& completion : mail) {
    const auto found = sessions.find(completion.id);
    if (found == sessions.end()) {
      const auto& answer = completion.answer;
      if (completion.ticket && answer && (answer->parking || answer->promised))
        front->pipeline->settle(*completion.ticket, Response::empty(499));
      continue;  // the client left
    }
    Session& session = *found->second;
    if (completion.ticket) {
      give(session, std::move(*completion.ticket), std::move(*completion.answer),
           std::move(completion.hold));
    } else if (session.awaited) {
      Awaited awaited = std::move(*session.awaited);
      session.awaited.reset();
      session.connection.answer(
          front->pipeline->settle(awaited.ticket, std::move(completion.answer)), now);
    }
    pump(session);
  }
  mail.clear();
}

void Loop::Impl::park(Session& session, Ticket ticket, Response response) {
  const auto parking = response.parking;
  const bool full = front->parked >= front->options.max_parked;
  if (full || front->draining || !parking->bell || parking->bell->closed() ||
      session.connection.clientLeft()) {
    if (full) {
      response.headers.set("Retry-After", "2");
      front->refused("parked");
    }
    session.connection.answer(front->pipeline->settle(ticket, std::move(response)), now);
    return;
  }
  auto& listening = bells[parking->bell.get()];
  if (!listening.bell) {
    listening.bell = parking->bell;
    listening.handle = parking->bell->listen([self = weak_from_this()] {
      if (const auto loop = self.lock()) {
        loop->rung = true;
        loop->wake();
      }
    });
  }
  listening.waiting.insert(session.id);
  const auto until = parking->until.isNone() ? Time::max() : fromNs(parking->until.monotonicNs());
  session.parked = Parked{std::move(ticket), std::move(response), parking, until};
  ++front->parked;
  front->parked_now.add(1);
  if (parking->bell->rung() != parking->seen) rung = true;  // between the look and now
}

Loop::Impl::Parked Loop::Impl::takeParked(Session& session) {
  Parked out = std::move(*session.parked);
  session.parked->parking = out.parking;  // forget() asks for the bell
  forget(session);
  return out;
}

void Loop::Impl::unpark(Session& session) {
  Parked parked = takeParked(session);
  session.connection.answer(front->pipeline->settle(parked.ticket, std::move(parked.otherwise)),
                            now);
}

void Loop::Impl::forget(Session& session) {
  const auto listening = bells.find(session.parked->parking->bell.get());
  if (listening != bells.end()) {
    listening->second.waiting.erase(session.id);
    if (listening->second.waiting.empty()) bells.erase(listening);
  }
  session.parked.reset();
  --front->parked;
  front->parked_now.add(-1);
}

void Loop::Impl::hearBells() {
  if (!rung.exchange(false)) return;
  std::vector<std::uint64_t> over;
  for (auto& [key, listening] : bells) {
    const bool closed = listening.bell->closed();
    const auto count = listening.bell->rung();
    for (const auto id : listening.waiting) {
      Parked& parked = *sessions.at(id)->parked;
      if (closed) {
        over.push_back(id);
      } else if (parked.parking->seen != count && !std::exchange(parked.woken, true)) {
        woken.push_back(id);
      }
    }
  }
  for (const auto id : over) {
    Session& session = *sessions.at(id);
    unpark(session);
    pump(session);
  }
}

void Loop::Impl::resumeWoken() {
  while (!woken.empty()) {
    const auto found = sessions.find(woken.front());
    if (found != sessions.end() && found->second->parked && found->second->parked->woken) {
      if (!front->pool.relaxed()) return;
      Session& session = *found->second;
      std::unique_ptr<WorkerPool::Job> job =
          std::make_unique<ResumeJob>(shared_from_this(), session.id, takeParked(session));
      if (!front->pool.offer(job)) {
        auto& back = static_cast<ResumeJob&>(*job).parked();
        session.connection.answer(front->pipeline->settle(back.ticket, std::move(back.otherwise)),
                                  now);
        pump(session);
      }
    }
    woken.pop_front();
  }
}

}  // namespace ccp::http

// The inside of an event loop, for loop.cpp (sockets, time) and loop_requests.cpp (requests on
// their way to workers and back, and those that wait for a bell). Everything belongs to the loop's
// thread, but for wake(), post() and the atomics.
#pragma once

#include <sys/epoll.h>

#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>

#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/http/bell.hpp"
#include "core/http/loop.hpp"
#include "core/http/timer_wheel.hpp"

namespace ccp::http {

struct Loop::Impl : std::enable_shared_from_this<Loop::Impl> {
  struct Parked {
    Ticket ticket;
    Response otherwise;
    std::shared_ptr<const Parking> parking;
    Connection::Time until;
    bool woken = false;  ///< in `woken`, until a worker can take it
  };
  /// A request whose answer another thread gives.
  struct Awaited {
    Ticket ticket;
    BodyBudget::Hold hold;  ///< of the body, which that thread may have
  };
  /// One connection: its socket, its state machine in its wrapping, and its place in the loop's books.
  struct Session final : ConnectionHost {
    Session(Impl& l, std::uint64_t number, Poco::Net::StreamSocket&& s, std::string from,
            Connection::Time now)
        : loop(l),
          id(number),
          socket(std::move(s)),
          fd(socket.impl()->sockfd()),
          peer(std::move(from)),
          connection(*this, l.front->bodies, l.front->limits,
                     l.front->tls != nullptr ? l.front->tls->accept() : nullptr, now) {}

    Admission admit(Head head) override {
      head.request.client_certificate = connection.clientCertificate();
      return loop.front->pipeline->admit(std::move(head), peer);
    }
    Response reject(const Error& error) override {
      return loop.front->pipeline->reject(error, peer);
    }
    Response refuse(Ticket& ticket, const Error& error) override {
      return loop.front->pipeline->refuse(ticket, error);
    }

    Impl& loop;
    const std::uint64_t id;
    Poco::Net::StreamSocket socket;
    const int fd;  ///< of the socket
    const std::string peer;
    std::string group;  ///< counted under it; empty: not counted
    Channel connection;
    std::optional<Parked> parked;
    std::optional<Awaited> awaited;
    BodyBudget::Hold unread;  ///< what the client has not taken of its answer
    std::uint64_t scheduled = 0;
    std::uint32_t interest = 0;
    bool blocked = false;  ///< the socket takes no more now
    bool engaged = false;
    bool turned_away = false;
    bool again = false;  ///< in `again`
    bool dead = false;
  };

  struct Completion {
    std::uint64_t id;
    std::optional<Ticket> ticket;  ///< nothing: of the request that is awaited
    Result<Response> answer;
    BodyBudget::Hold hold = {};
  };

  class RequestJob;
  class ResumeJob;
  /// A bell that requests here wait for.
  struct Listening {
    std::shared_ptr<Bell> bell;
    std::shared_ptr<void> handle;
    std::unordered_set<std::uint64_t> waiting;
  };

  Impl(std::shared_ptr<Front> f, int number);
  ~Impl();

  // --- from other threads
  // --------------------------------------------------------------------------

  void wake() const;
  void post(Completion completion);

  // --- epoll
  // ---------------------------------------------------------------------------------------

  void watch(int fd, std::uint32_t events, std::uint64_t id, int operation) const;
  void run();
  int patience() const noexcept;
  void handle(const epoll_event& event);

  // --- connections
  // ---------------------------------------------------------------------------------

  void accept();
  void admit(Poco::Net::StreamSocket&& socket, std::string peer);
  /// Takes what the socket has. False: the session is gone.
  bool read(Session& session);
  /// Sends what there is. False: the session is gone.
  bool flush(Session& session);
  /// Moves a connection on as far as it goes without waiting.
  void pump(Session& session);
  void comeBackTo(Session& session);  ///< others have their turn first
  /// After every change of a session: its end, its deadline, what it waits for.
  void settle(Session& session);
  /// Ends a session at once. `reset`: what the client has not taken is thrown away with it.
  void drop(Session& session, bool reset);
  void look(std::uint64_t id, std::uint64_t slot);
  void takeAgain();

  // --- requests
  // ------------------------------------------------------------------------------------

  void dispatch(Session& session);
  void give(Session& session, Ticket ticket, Response response, BodyBudget::Hold hold);
  /// Another thread gives the answer.
  void await(Session& session, Ticket ticket, Response response, BodyBudget::Hold hold);
  void takeMail();

  // --- requests that wait for a bell
  // ---------------------------------------------------------------

  void park(Session& session, Ticket ticket, Response response);
  Parked takeParked(Session& session);
  /// Its time is over, or nothing will come: it gets what it would have got without waiting.
  void unpark(Session& session);
  void forget(Session& session);
  void hearBells();
  /// As far as workers have room: who waits for news comes after who asks now.
  void resumeWoken();

  // --- ending
  // --------------------------------------------------------------------------------------

  std::vector<std::uint64_t> everyone() const;
  void drain();
  void end();

  static constexpr std::uint64_t kWaker = 0;
  static constexpr std::uint64_t kListener = 1;

  const std::shared_ptr<Front> front;
  const int poller;
  const int waker;
  Poco::Net::ServerSocket listener;
  Connection::Time now;  ///< of this turn
  std::vector<char> buffer;
  std::unordered_map<std::uint64_t, std::unique_ptr<Session>> sessions;
  std::vector<std::unique_ptr<Session>> graveyard;
  std::uint64_t last_id = kListener;
  TimerWheel wheel;
  std::vector<std::uint64_t> again;
  std::unordered_map<Bell*, Listening> bells;
  std::deque<std::uint64_t> woken;
  Connection::Time accept_again = Connection::Time::max();
  int turned_away = 0;
  bool drained = false;
  Gauge& lag;

  std::mutex mailbox_mutex;
  bool ended = false;
  std::vector<Completion> mailbox;
  std::vector<Completion> mail;
  std::atomic<bool> rung{false};
  std::atomic<const Route*> handler_route{nullptr};
  std::atomic<std::uint64_t> handler_since{0};
  std::atomic<std::uint64_t> handler_run{0};
  std::atomic<std::uint64_t> turn_since{0};
  std::atomic<std::uint64_t> turn_run{0};
};

}  // namespace ccp::http

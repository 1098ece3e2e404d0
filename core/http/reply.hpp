// An answer that a handler promises and another thread gives: the request waits for it without a
// thread. The handler returns later(); whoever holds the Reply gives the answer, once. A Reply that
// goes without one answers `internal`, so that no client waits for ever.
// Threads: give() from any thread; the rest belongs to the server.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "core/http/message.hpp"

namespace ccp::http {

/// The server's end.
class Promised {
 public:
  /// The answer, when it is there already; whenGiven() is not called for it then.
  std::optional<Result<Response>> take();
  /// `given` gets the answer, on the thread that gives it: at once when it is there. Called once.
  void whenGiven(std::function<void(Result<Response>)> given);

 private:
  friend class Reply;
  void give(Result<Response> answer);

  std::mutex mutex_;
  bool over_ = false;  ///< given
  std::optional<Result<Response>> answer_;
  std::function<void(Result<Response>)> given_;
};

/// The service's end.
class Reply {
 public:
  Reply() : promised_(std::make_shared<Promised>()) {}
  ~Reply();
  Reply(Reply&&) noexcept = default;
  Reply& operator=(Reply&&) noexcept = delete;
  /// Later ones are ignored.
  void give(Result<Response> answer) { promised_->give(std::move(answer)); }
  /// What the handler returns. Not for idempotent routes: those store what is answered.
  Response later() const;

 private:
  std::shared_ptr<Promised> promised_;
};

}  // namespace ccp::http

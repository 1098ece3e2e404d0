#include "core/http/reply.hpp"

#include <utility>

namespace ccp::http {

std::optional<Result<Response>> Promised::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(answer_, std::nullopt);
}

void Promised::whenGiven(std::function<void(Result<Response>)> given) {
  std::optional<Result<Response>> answer;
  {
    const std::lock_guard lock(mutex_);
    answer = std::exchange(answer_, std::nullopt);
    if (!answer) given_ = std::move(given);
  }
  if (answer) given(std::move(*answer));
}

void Promised::give(Result<Response> answer) {
  std::function<void(Result<Response>)> given;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(over_, true)) return;
    given = std::move(given_);
    if (!given) answer_ = std::move(answer);
  }
  if (given) given(std::move(answer));
}

Reply::~Reply() {
  if (promised_) promised_->give(fail(Errc::internal, "nobody answered this request"));
}

Response Reply::later() const {
  Response out;
  out.promised = promised_;
  return out;
}

}  // namespace ccp::http

#include "webhook_sender.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Timespan.h>
#include <Poco/URI.h>

#include <algorithm>
#include <istream>

namespace sandbox {
namespace {

using std::chrono::milliseconds;

/// The HTTP status, or 0 when there was no answer.
int post(const std::string& url, const std::string& id, const std::string& timestamp,
         const std::string& signature, const std::string& body) {
  try {
    const Poco::URI uri(url);
    Poco::Net::HTTPClientSession session(uri.getHost(), uri.getPort());
    session.setTimeout(Poco::Timespan(2, 0), Poco::Timespan(10, 0), Poco::Timespan(10, 0));
    const std::string path = uri.getPathAndQuery().empty() ? "/" : uri.getPathAndQuery();
    Poco::Net::HTTPRequest request("POST", path, "HTTP/1.1");
    request.setContentType("application/json");
    request.setContentLength64(static_cast<Poco::Int64>(body.size()));
    request.set("User-Agent", "ccp-sandbox-provider webhooks");
    request.set("webhook-id", id);
    request.set("webhook-timestamp", timestamp);
    request.set("webhook-signature", signature);
    session.sendRequest(request) << body;
    Poco::Net::HTTPResponse response;
    std::istream& answer = session.receiveResponse(response);
    answer.ignore(64 * 1024);
    return response.getStatus();
  } catch (const Poco::Exception&) {
    return 0;
  } catch (const std::exception&) {
    return 0;
  }
}

}  // namespace

WebhookSender::WebhookSender(Ledger& ledger, Options options)
    : ledger_(ledger), options_(std::move(options)), thread_([this] { run(); }) {}

WebhookSender::~WebhookSender() {
  stop();
}

void WebhookSender::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
    ledger_.settle();
  }
}

void WebhookSender::enqueue(const OutgoingEvent& event) {
  const std::lock_guard lock(mutex_);
  Pending item{event, 0, Clock::now() + milliseconds(faults_.delay_ms), faults_.thin};
  if (faults_.bad_signature > 0) {
    --faults_.bad_signature;
    item.bad_signature = true;
  }
  if (faults_.drop > 0) {
    // Lost on the way: the provider believes that it was delivered, nobody tells the merchant.
    --faults_.drop;
    ++dropped_;
    item.dropped = true;
  }
  int copies = 1;
  if (faults_.duplicate > 0 && !item.dropped) {
    --faults_.duplicate;
    copies = 2;
  }
  for (int i = 0; i < copies; ++i) {
    if (faults_.reorder > 0) {
      held_.push_front(item);
      if (static_cast<std::int64_t>(held_.size()) >= faults_.reorder) releaseHeldLocked();
    } else {
      queue_.push_back(item);
    }
  }
  wake_.notify_all();
}

void WebhookSender::releaseHeldLocked() {
  const auto now = Clock::now();  // the same for all: the earliest due goes first
  for (auto& item : held_) {
    item.due = now;
    queue_.push_back(std::move(item));
  }
  held_.clear();
  faults_.reorder = 0;
}

json WebhookSender::configureFaults(const json& body) {
  const std::lock_guard lock(mutex_);
  faults_.drop = optionalInt(body, "drop", faults_.drop, 0, 1'000'000);
  faults_.duplicate = optionalInt(body, "duplicate", faults_.duplicate, 0, 1'000'000);
  faults_.bad_signature = optionalInt(body, "bad_signature", faults_.bad_signature, 0, 1'000'000);
  faults_.delay_ms = optionalInt(body, "delay_ms", faults_.delay_ms, 0, 600'000);
  faults_.thin = optionalBool(body, "thin", faults_.thin);
  faults_.hold = optionalBool(body, "hold", faults_.hold);
  const std::int64_t reorder = optionalInt(body, "reorder", faults_.reorder, 0, 1000);
  if (reorder == 0) releaseHeldLocked();
  faults_.reorder = reorder;
  wake_.notify_all();
  return statusLocked();
}

json WebhookSender::status() {
  const std::lock_guard lock(mutex_);
  return statusLocked();
}

json WebhookSender::statusLocked() const {
  return {{"pending", static_cast<std::int64_t>(queue_.size() + held_.size()) + in_flight_},
          {"delivered", delivered_},
          {"failed", failed_},
          {"dropped", dropped_},
          {"faults",
           {{"drop", faults_.drop},
            {"duplicate", faults_.duplicate},
            {"bad_signature", faults_.bad_signature},
            {"reorder", faults_.reorder},
            {"delay_ms", faults_.delay_ms},
            {"thin", faults_.thin},
            {"hold", faults_.hold}}}};
}

void WebhookSender::run() {
  std::unique_lock lock(mutex_);
  auto settled = Clock::now();
  while (!stopping_) {
    const auto settle_at = settled + milliseconds(1000);
    if (Clock::now() >= settle_at) {
      // Real time makes things due as well (trials end, checkouts expire).
      lock.unlock();
      ledger_.settle();
      lock.lock();
      settled = Clock::now();
      continue;
    }
    const auto next =
        std::min_element(queue_.begin(), queue_.end(),
                         [](const Pending& a, const Pending& b) { return a.due < b.due; });
    if (next == queue_.end() || faults_.hold) {
      wake_.wait_until(lock, settle_at);
      continue;
    }
    if (next->due > Clock::now()) {
      wake_.wait_until(lock, std::min(next->due, settle_at));
      continue;
    }
    Pending item = std::move(*next);
    queue_.erase(next);
    ++in_flight_;
    lock.unlock();
    deliver(std::move(item));
    lock.lock();
    --in_flight_;
  }
}

void WebhookSender::deliver(Pending item) {
  if (item.dropped) {
    ledger_.recordDelivery(item.event.id, 1, 200, "delivered");
    return;
  }
  const json endpoint = ledger_.endpoint();
  const std::string url = endpoint.value("url", "");
  if (url.empty() || !endpoint.value("enabled", true)) {
    // Nowhere to send it yet: it waits, which is no failed attempt.
    item.due = Clock::now() + milliseconds(200);
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(item));
    return;
  }
  const std::int64_t seconds = wallMicros() / 1'000'000;
  const std::string& body = item.thin ? item.event.thin_body : item.event.body;
  std::string signature = signWebhook(options_.secret, item.event.id, seconds, body);
  if (item.bad_signature) signature[3] = signature[3] == 'A' ? 'B' : 'A';
  const int status = post(url, item.event.id, std::to_string(seconds), signature, body);
  ++item.attempt;
  if (status >= 200 && status < 300) {
    ledger_.recordDelivery(item.event.id, item.attempt, status, "delivered");
    const std::lock_guard lock(mutex_);
    ++delivered_;
    return;
  }
  if (item.attempt >= options_.max_attempts) {
    ledger_.recordDelivery(item.event.id, item.attempt, status, "failed");
    const std::lock_guard lock(mutex_);
    ++failed_;
    return;
  }
  ledger_.recordDelivery(item.event.id, item.attempt, status, "pending");
  item.bad_signature = false;
  const auto backoff = options_.retry_base * (1 << std::min(item.attempt - 1, 10));
  item.due = Clock::now() + std::min(backoff, milliseconds(60'000));
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(item));
  wake_.notify_all();
}

}  // namespace sandbox

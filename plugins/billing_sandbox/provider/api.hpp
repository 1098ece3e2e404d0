// Every route of the provider: /v1 (API key), /test (API key), /checkout and /portal (people).
// Threads: thread-safe, as the ledger is.
#pragma once

#include "ledger.hpp"
#include "webhook_sender.hpp"

namespace sandbox {

class Api {
 public:
  Api(Ledger& ledger, WebhookSender& sender, std::string api_key)
      : ledger_(ledger), sender_(sender), api_key_(std::move(api_key)) {}

  /// Never throws: every failure is an answer.
  Response handle(const Request& request) noexcept;

 private:
  Response route(const Request& request);
  Response v1(const Request& request, const std::vector<std::string>& path);
  Response test(const Request& request, const std::vector<std::string>& path);
  Response checkoutPages(const Request& request, const std::string& id);
  Response portalPages(const Request& request, const std::string& session);

  Ledger& ledger_;
  WebhookSender& sender_;
  std::string api_key_;
};

}  // namespace sandbox

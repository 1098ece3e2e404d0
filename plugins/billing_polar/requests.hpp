// Bodies and addresses of what the plugin asks of Polar, as values: the tests hold every one of
// them against Polar's official description. Pure. INVALID_ARGUMENT names what is missing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ccp/json.hpp"

namespace polar {

using ccp::json;

struct Request {
  std::string method = "GET";
  std::string path;  ///< with the query; trailing slashes are part of Polar's paths
  json body;         ///< null: none
};

Request findCustomer(std::string_view org_id);
/// The customer of an organization: its own e-mail address if it can be had, see README.md.
Request makeCustomer(std::string_view org_id, std::string_view email, std::string_view name);
/// `now_s`: a first payment later is a trial until then, in whole days rounded up.
Request makeCheckout(const json& in, std::int64_t now_s);
Request readCheckout(std::string_view id);
Request makePortalSession(const json& in);
Request readSubscription(std::string_view id);
/// Without a customer: of the whole organization.
Request listSubscriptions(std::string_view customer_id, std::int64_t page);
Request changeSubscription(const json& in);
/// Records whose value did not change are left out; the body is null when none is left.
Request ingestEvents(const json& in);
Request listProducts(std::int64_t page);
Request readOrder(std::string_view id);
Request customerState(std::string_view org_id);
Request listEndpoints();
Request failedDeliveries();
Request missedDeliveries(std::int64_t since_us, std::int64_t page);
Request listRefunds(std::int64_t page);
Request refundsOfOrder(std::string_view order_id);
Request listDisputes(std::int64_t page);

/// The address that Polar takes for this one: a domain without a dot (`demo@localhost`) is no
/// address to Polar; it gets one to which no mail is ever delivered.
std::string acceptableEmail(std::string_view email);
/// The same mailbox under an address that no other organization uses: `who+<tag of the org>@where`.
std::string plusAddress(std::string_view email, std::string_view org_id);
/// Page number of a cursor ("" is the first).
std::int64_t pageOf(std::string_view cursor);

}  // namespace polar

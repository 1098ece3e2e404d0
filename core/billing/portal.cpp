#include "core/billing/portal.hpp"

namespace ccp::billing {

Result<std::string> Portal::link(const Buyer& buyer, const plugin::CallContext& context) {
  CCP_TRY(
      const Customer customer,
      db_.read(db::Scope::org(buyer.org), [&](db::Tx& tx) -> Result<Customer> {
        CCP_CHECK_OK(authorizeBuyer(tx, directory_, buyer));
        const SubscriptionRow* best = nullptr;
        const auto rows = repository_.subscriptionsOf(tx, buyer.org);
        for (const auto& row : rows) {
          const bool better = !best || isLive(row.status()) || !isLive(best->status());
          if (better) best = &row;
        }
        if (best) {
          Customer found;
          found.org = buyer.org;
          found.instance = best->instance;
          found.provider_customer_id = best->provider_customer_id;
          return found;
        }
        if (auto known = repository_.customerOf(tx, buyer.org, settings_.now()->billing.default_instance))
          return std::move(*known);
        return fail(Errc::conflict,
                    "The organization has not bought anything yet; begin with `ccp upgrade`.");
      }));
  CCP_TRY(const auto provider, providers_.find(customer.instance));
  plugin::CallContext call = context;
  call.tenant = buyer.org;
  return provider->createPortalLink(call, customer.provider_customer_id, buyer.org,
                                    settings_.now()->server.public_url + "/dashboard");
}

}  // namespace ccp::billing

// The page that a person sees after paying. Threads: pure.
#pragma once

#include "core/billing/catalog.hpp"
#include "core/billing/repository.hpp"
#include "core/config/settings.hpp"
#include "core/http/message.hpp"

namespace ccp::billing {

/// What the provider said of the checkout, in words; reloads itself while it is being settled.
http::Response renderCheckoutPage(const CheckoutRow& row, const config::PlanCatalog& plans);
/// The checkout exists, but the provider cannot be asked now.
http::Response renderCheckoutUnknown(const Error& error);

/// Who looks at the billing page.
struct PageViewer {
  std::string email;
  std::string csrf_token;
  bool manages = false;  ///< owner or admin
  /// Where to agree to another payment provider; empty when nothing waits for that.
  std::string agree_url = {};
};
/// Plan, state, what is to do about it, and the way to the provider's portal.
http::Response renderBillingPage(const Standing& standing, const PageViewer& viewer);
/// The portal cannot be opened, and why.
http::Response renderPortalUnavailable(const Error& error, const PageViewer& viewer);

}  // namespace ccp::billing

// The page that a person sees after paying. Threads: pure.
#pragma once

#include "core/billing/repository.hpp"
#include "core/config/settings.hpp"
#include "core/http/message.hpp"

namespace ccp::billing {

/// What the provider said of the checkout, in words; reloads itself while it is being settled.
http::Response renderCheckoutPage(const CheckoutRow& row, const config::PlanCatalog& plans);
/// The checkout exists, but the provider cannot be asked now.
http::Response renderCheckoutUnknown(const Error& error);

}  // namespace ccp::billing

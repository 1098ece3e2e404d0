// The provider's pages: checkout and customer portal. Pure: values in, HTML out.
#pragma once

#include <string>

#include "wire.hpp"

namespace sandbox {

std::string checkoutPage(const json& checkout, const std::string& error);
/// What a checkout that is over says, with a way back.
std::string checkoutOverPage(const json& checkout);
std::string portalPage(const json& customer, const json& subscriptions, const std::string& notice);
std::string messagePage(const std::string& title, const std::string& text);

}  // namespace sandbox

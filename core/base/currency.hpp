// Currencies by ISO 4217: which codes exist, and how many digits their minor unit has.
// Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

namespace ccp {

/// Digits after the point of an amount in this currency ("USD" → 2, "JPY" → 0, "KWD" → 3); nothing
/// for what is no active currency code. Funds and metals (XAU, CHE, …) are no currencies here.
std::optional<int> currencyDigits(std::string_view code) noexcept;

}  // namespace ccp

// Plans side by side, and prices with their steps, as `ccp plan` shows them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/json.hpp"

namespace ccp::cli {

/// "29.00 USD"; "free" for no amount.
std::string amountText(const Json& money);
/// A limit; "unlimited" for what the server means by it.
std::string limitText(const Json& value);

/// Limits and features by plan: the plans are columns, the one in force is marked.
std::string planTable(const Json& plans, const std::string& current, std::string_view bold,
                      std::string_view reset);
/// A row for each price, and one for each further step of a volume price; the current one is marked.
std::string priceTable(const Json& plans, const std::string& current_price, std::string_view bold,
                       std::string_view reset);

}  // namespace ccp::cli

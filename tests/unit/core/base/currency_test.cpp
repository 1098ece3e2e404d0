#include "core/base/currency.hpp"

#include <doctest/doctest.h>

using namespace ccp;

TEST_CASE("currencies have the digits of ISO 4217, and codes that do not exist have none") {
  CHECK(currencyDigits("USD") == 2);
  CHECK(currencyDigits("EUR") == 2);
  CHECK(currencyDigits("ZWG") == 2);
  CHECK(currencyDigits("JPY") == 0);
  CHECK(currencyDigits("XPF") == 0);
  CHECK(currencyDigits("KWD") == 3);
  CHECK(currencyDigits("TND") == 3);
  for (const auto* wrong : {"", "US", "usd", "USDX", "XXX", "XAU", "ED ", "D A", "   "}) CHECK_FALSE(currencyDigits(wrong).has_value());
}

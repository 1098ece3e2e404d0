#include "core/crypto/hmac.hpp"

#include <doctest/doctest.h>

#include "core/base/encoding.hpp"

using namespace ccp;
using namespace ccp::crypto;

TEST_CASE("hmacSha256 gives the values of RFC 4231") {
  CHECK(hexEncode(hmacSha256(Bytes(20, 0x0b), bytesOf("Hi There"))) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hexEncode(hmacSha256(bytesOf("Jefe"), bytesOf("what do ya want for nothing?"))) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  // Case 6: a key longer than a block.
  CHECK(hexEncode(hmacSha256(Bytes(131, 0xaa), bytesOf("Test Using Larger Than Block-Size Key - Hash Key First"))) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  // With no key and no message (RFC 2104 has no lower bound).
  CHECK(hexEncode(hmacSha256({}, {})) == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

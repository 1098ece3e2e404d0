// Frames of the plugin protocol as a process that an attacker owns writes them: nothing reads beyond the
// packet, and what is accepted is exactly what our encoder writes.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/isolation/wire.hpp"
#include "tests/fuzz/require.hpp"

using namespace ccp;
using namespace ccp::isolation;

namespace {

/// One form per value: what decodes, encodes to the same bytes.
template <class Decoded>
void roundTrip(const Result<Decoded>& decoded, std::string_view body) {
  if (decoded) CCP_REQUIRE(encode(*decoded) == body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view packet = fuzz::text(data, size);
  if (const auto header = decodeHeader(packet)) {
    char bytes[kHeaderBytes];
    encodeHeader(*header, bytes);
    CCP_REQUIRE(std::equal(bytes, bytes + kHeaderBytes, packet.data()));
    CCP_REQUIRE(header->body_bytes <= kMaxBodyBytes);
    CCP_REQUIRE(header->in_memfd || packet.size() == kHeaderBytes + header->body_bytes);
  }
  if (size == 0) return 0;
  // The first byte chooses the decoder, so that each gets its share.
  const std::string_view body = packet.substr(1);
  switch (data[0] % 7) {
    case 0: roundTrip(decodeFacts(body), body); break;
    case 1: roundTrip(decodeHello(body), body); break;
    case 2: roundTrip(decodeWelcome(body), body); break;
    case 3: roundTrip(decodeCall(body), body); break;
    case 4: roundTrip(decodeCallResult(body), body); break;
    case 5: roundTrip(decodeHostCall(body), body); break;
    case 6: roundTrip(decodeHostResult(body), body); break;
  }
  return 0;
}

// Policy documents: the input as a payload, as an envelope, and as damage to genuine envelopes. Reading never
// crashes, what was read is written the same again, and nothing is believed that was not signed.
#include "policy/pack/documents.hpp"
#include "policy/pack/signing.hpp"
#include "policy/pack/verify.hpp"

#include <array>
#include <string>

#include "tests/fuzz/require.hpp"
#include "tests/support/policy_workshop.hpp"

using namespace ccp;
using namespace ccp::policy;

namespace {

struct Genuine {
  test::PolicyWorkshop shop;
  PackDocument document = shop.pack("base", 1);
  std::string pack = shop.sign(document);
  std::string channel = shop.publish(Channel::prod, {document});
  std::string root_1 = shop.rootEnvelope();
  RootDocument first = shop.root();
  std::string root_2 = shop.rotate([](RootDocument&) {});
  ChannelDocument listed = shop.next(Channel::prod, {document});
};
Genuine& genuine() {
  static Genuine value;
  return value;
}

template <class Document>
void stable(const Result<Document>& parsed, Result<Document> (*parse)(std::string_view)) {
  if (!parsed) {
    const auto code = parsed.error().code;
    CCP_REQUIRE(code == Errc::policy_document_invalid || code == Errc::policy_file_invalid || code == Errc::policy_format_unknown ||
                code == Errc::policy_too_large);
    return;
  }
  const auto text = toText(*parsed);
  const auto again = parse(text);
  // Written without what it leaves out by default it may only be too large by a little.
  CCP_REQUIRE(again || again.error().code == Errc::policy_too_large);
  CCP_REQUIRE(!again || toText(*again) == text);
}

void checkPayload(std::string_view text) {
  stable<RootDocument>(parseRoot(text), parseRoot);
  stable<ChannelDocument>(parseChannel(text), parseChannel);
  const auto pack = parsePack(text);
  stable<PackDocument>(pack, parsePack);
  if (!pack) return;
  for (const auto& [path, content] : pack->files) CCP_REQUIRE(checkPackFile(path, content).has_value());
  for (const auto& [point, path] : pack->entry) CCP_REQUIRE(pack->file(path) != nullptr);
}

/// Believed only with the payload that was signed.
void checkEnvelope(std::string_view text) {
  auto& g = genuine();
  const auto now = test::kPolicyStart;
  const auto opened = peek(text);
  if (!opened) {
    CCP_REQUIRE(!verifyPackFor(g.first, Channel::prod, text, now));
    return;
  }
  const auto payload = opened->payload;
  const TrustState none;
  if (const auto pack = verifyPackFor(g.first, Channel::prod, text, now)) CCP_REQUIRE(payload == toText(g.document));
  if (verifyListedPack(g.first, none, g.listed, g.listed.packs[0], text, now)) CCP_REQUIRE(payload == toText(g.document));
  if (const auto channel = verifyChannel(g.first, none, Channel::prod, text, now)) CCP_REQUIRE(toText(*channel) == payload && payload == peek(g.channel)->payload);
  CCP_REQUIRE(!verifyChannel(g.first, none, Channel::dev, text, now));
  if (verifyNextRoot(g.first, text)) CCP_REQUIRE(payload == peek(g.root_2)->payload);
  if (verifyPinnedRoot(text, sha256Hex(g.root_1), "operator")) CCP_REQUIRE(text == g.root_1);
  for (const auto* type : {&kPayloadPack, &kPayloadChannel, &kPayloadRoot}) (void)signersOf(g.first, "root", *type, text);
}

void checkDamaged(std::string envelope, const std::uint8_t* data, std::size_t size) {
  for (std::size_t i = 0; i + 2 < size && i < 24; i += 3) {
    const std::size_t at = (static_cast<std::size_t>(data[i]) * 256 + data[i + 1]) % envelope.size();
    envelope[at] = static_cast<char>(static_cast<unsigned char>(envelope[at]) ^ data[i + 2]);
  }
  checkEnvelope(envelope);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto& g = genuine();
  const auto text = ccp::fuzz::text(data, size);
  checkPayload(text);
  checkEnvelope(text);
  // One of them at a time: signatures are what costs here.
  if (size > 3) checkDamaged(*std::array{&g.pack, &g.channel, &g.root_1, &g.root_2}[data[0] % 4], data + 1, size - 1);
  // Signed by everybody, whatever it says: believed or not, never a crash, and never under another name.
  if (parsePack(text)) {
    const auto signed_text = crypto::signDsse(kPayloadPack, text, {&g.shop.key("ada"), &g.shop.key("bob")});
    if (const auto pack = verifyPackFor(g.first, Channel::prod, signed_text, test::kPolicyStart)) CCP_REQUIRE(pack->org == "operator");
  }
  if (const auto state = parseJson(text, {.max_bytes = 1u << 16, .max_depth = 8})) {
    if (const auto trust = TrustState::fromJson(*state)) CCP_REQUIRE(TrustState::fromJson(trust->json())->json() == trust->json());
  }
  return 0;
}

// The three documents of a policy set and their text: root (who may sign), channel (what is live now),
// pack (manifest and files). Each travels in a DSSE envelope; parsing happens after verification only.
// A set is the operator's ("operator") or an organization's (its id): the field `org` of each document.
// Values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/time.hpp"
#include "core/crypto/ed25519.hpp"
#include "policy/decision/point.hpp"

namespace ccp::policy {

inline constexpr std::string_view kPayloadRoot = "application/vnd.ccp.policy-root+json";
inline constexpr std::string_view kPayloadChannel = "application/vnd.ccp.policy-channel+json";
inline constexpr std::string_view kPayloadPack = "application/vnd.ccp.policy-pack+json";
inline constexpr std::string_view kOperatorSet = "operator";
inline constexpr std::size_t kMaxDocumentBytes = 1u << 20;
inline constexpr int kPolicyApi = 1;  ///< API level that packs are written against

enum class Channel : std::uint8_t { dev, prod };
const char* toString(Channel channel) noexcept;
std::optional<Channel> channelFromName(std::string_view name) noexcept;

/// A key of the root document. A threshold counts persons, not keys.
struct RootKey {
  crypto::PublicKey key;
  std::string person;  ///< "ada@example.com"; the online key of the server has "server"
};
struct Role {
  std::vector<std::string> keyids;
  int threshold = 1;
};
/// The roles that every root document has, sorted.
const std::vector<std::string>& rootRoles();
struct RootDocument {
  std::string org;
  std::int64_t version = 0;
  std::map<std::string, RootKey> keys;  ///< by key id (RFC 7638 thumbprint)
  std::map<std::string, Role> roles;    ///< root, channel.dev, channel.prod, pack.dev, pack.prod
  Timestamp issued_at, expires_at;
};

struct ListedPack {
  std::string name;
  std::int64_t version = 0;
  std::string sha256;    ///< hex, of the payload: what is signed. Signatures may be added to it later
  std::size_t size = 0;  ///< of the payload, in bytes
  bool operator==(const ListedPack&) const = default;
};
struct ChannelDocument {
  std::string org;
  Channel channel = Channel::dev;
  std::int64_t version = 0;
  std::vector<ListedPack> packs;
  std::vector<std::string> revoked;  ///< digests of packs
  std::string prev;                  ///< sha256 of the previous channel envelope; empty for the first
  Timestamp issued_at, expires_at;
  int min_engine = kPolicyApi;
};

/// What happens at a point when documents ran out or a policy faults: enforce denies, advisory allows.
enum class PointClass : std::uint8_t { enforce, advisory };

struct PackTest {
  std::string name;
  Point point = Point::feature_gate;
  Json input;
  Json expect;          ///< compared by the members that it names
  bool golden = false;  ///< recorded: compared whole
};
struct PackDocument {
  std::string org;
  std::string name;
  std::int64_t version = 0;
  std::vector<Channel> channels;
  int engine_min = kPolicyApi, engine_max = kPolicyApi;
  std::string lua;  ///< version of Lua that the author tested with: for the record
  std::map<Point, std::string> entry;  ///< point → path of its file
  std::map<Point, Json> input_schema;  ///< narrows the point's own schema; absent: that alone
  std::map<Point, PointClass> classes;
  Json limits = Json::object();        ///< {"fuel","memory_bytes","wall_ms"}: wishes, clamped by the host
  Json data = Json::object();
  std::vector<std::string> log_mask;   ///< JSON pointers that the decision log hides
  std::vector<std::pair<std::string, std::string>> files;  ///< path → text, sorted
  std::vector<PackTest> tests;
  Timestamp issued_at, expires_at;
  Json source = Json::object();        ///< {"commit","builder"}: shown, never trusted
  const std::string* file(std::string_view path) const noexcept;
};

inline constexpr std::size_t kMaxFileBytes = 256u << 10;

/// "operator" or the id of an organization; also safe as the name of a folder.
bool isSetName(std::string_view org) noexcept;
/// `[a-z][a-z0-9_-]*`, at most 64 bytes.
bool isPackName(std::string_view name) noexcept;
/// 64 lower-case hexadecimal digits.
bool isDigest(std::string_view text) noexcept;
/// How many bytes the envelope of a payload of this size may have: base64, and room for its signatures.
constexpr std::size_t transferCap(std::size_t payload_bytes) noexcept { return payload_bytes / 3 * 4 + 4 + (16u << 10); }

/// `policy_document_invalid` names the JSON pointer; packs also `policy_file_invalid` (path, UTF-8, BOM,
/// bytecode, bidirectional marks, names that differ by case); `policy_format_unknown`, `policy_too_large`.
/// What was parsed and written again is parsed to the same value.
Result<RootDocument> parseRoot(std::string_view payload);
Result<ChannelDocument> parseChannel(std::string_view payload);
Result<PackDocument> parsePack(std::string_view payload);
std::string toText(const RootDocument& document);
std::string toText(const ChannelDocument& document);
std::string toText(const PackDocument& document);

/// One file of a pack: path `[a-z0-9_/]+\.(lua|json)`, text as described above (`policy_file_invalid`).
Status checkPackFile(std::string_view path, std::string_view text);

/// A pack from a folder: pack.json (the manifest: a pack document without files, tests and golden), *.lua
/// (also in folders), tests/*.json and golden/*.json (one case each, or a list), data/*.json (each a member
/// of `data`). Names that begin with "." and the folder types/ (editor stubs) are left out, links are
/// refused. `org`, `issued_at` and `expires_at` may be missing: whoever signs sets them. Errors name the
/// file. The same folder gives the same document, and with the same times the same bytes.
Result<PackDocument> readPackFolder(const std::string& folder);
/// The same from memory: path below the folder → text.
Result<PackDocument> packFromFiles(const std::map<std::string, std::string>& files);

}  // namespace ccp::policy

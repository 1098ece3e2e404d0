// What the readers of the three documents share. Of this room only. Functions of their arguments.
#pragma once

#include "policy/pack/documents.hpp"
#include "policy/pack/fields.hpp"

namespace ccp::policy {

inline constexpr int kFormat = 1;
inline constexpr std::int64_t kMaxVersion = (std::int64_t{1} << 53) - 1;
inline constexpr std::int64_t kMaxEngine = 1'000'000;
inline constexpr Duration kLongestLife = hours(24 * 1096);         ///< of roots and packs: three years
inline constexpr Duration kLongestChannelLife = hours(24 * 31);    ///< bounds how long a freeze can last

/// Strict JSON of at most 1 MiB, an object, of the format that we know.
Result<Json> parseDocument(std::string_view payload);
Result<std::string> readOrg(Fields& fields);
Status readLife(Fields& fields, Timestamp& issued_at, Timestamp& expires_at, Duration longest);
bool hasBidiControl(std::string_view text) noexcept;

/// What a manifest in a folder may leave out, because the signer sets it.
enum class Strictness : std::uint8_t { signed_document, folder };
Result<PackDocument> packFromJson(const Json& json, Strictness strictness);
/// One item of `tests` or `golden`; `name` stands in when it has none.
Result<PackTest> testFromJson(const Json& json, const std::string& pointer, bool golden, const std::string& name);

}  // namespace ccp::policy

#include "core/policies/db_source.hpp"

#include "core/crypto/dsse.hpp"
#include "core/policies/repository.hpp"

namespace ccp::policies {

Result<std::optional<std::string>> DbSource::root(const std::string& org, std::int64_t version, Deadline) {
  return db_.read(repository::scopeOf(org), [&](db::Tx& tx) -> Result<std::optional<std::string>> {
    auto row = repository::root(tx, org, version);
    if (!row) return std::optional<std::string>();
    return std::optional<std::string>(std::move(row->envelope));
  });
}

Result<std::optional<std::string>> DbSource::channel(const std::string& org, policy::Channel channel, const std::string& etag, Duration) {
  return db_.read(repository::scopeOf(org), [&](db::Tx& tx) -> Result<std::optional<std::string>> {
    auto row = repository::newest(tx, org, channel);
    if (!row) return fail(Errc::not_found, "Nothing was published on the channel " + std::string(policy::toString(channel)) + " of " + org + ".");
    // The digest of what is there, not the one beside it: an edited row is news, and is refused.
    if (!etag.empty() && sha256Hex(row->envelope) == etag) return std::optional<std::string>();
    return std::optional<std::string>(std::move(row->envelope));
  });
}

Result<std::string> DbSource::pack(const std::string& org, const std::string& sha256, std::size_t max_bytes, Deadline) {
  return db_.read(repository::scopeOf(org), [&](db::Tx& tx) -> Result<std::string> {
    auto row = repository::pack(tx, org, sha256);
    if (!row) return fail(Errc::not_found, "There is no policy pack " + sha256.substr(0, 64) + ".");
    if (row->envelope.size() > max_bytes) return fail(Errc::policy_too_large, "The policy pack " + row->name + " has more bytes than its channel lists.");
    return std::move(row->envelope);
  });
}

Result<std::string> DbSource::head(const std::string& org, policy::Channel channel) {
  return db_.read(repository::scopeOf(org), [&](db::Tx& tx) -> Result<std::string> {
    auto row = repository::head(tx, org, channel);
    return row ? std::move(row->sha256) : std::string();
  });
}

Result<policy::VerifiedPack> DbSource::past(const std::string& org, const std::string& sha256) {
  CCP_TRY(const auto text, pack(org, sha256, policy::transferCap(policy::kMaxDocumentBytes), Deadline::none()));
  CCP_TRY(const auto opened, crypto::parseDsse(text, text.size()));
  if (sha256Hex(opened.payload) != sha256) return fail(Errc::policy_hash_mismatch, "The stored pack " + sha256 + " is not the one that decided.");
  CCP_TRY(auto document, policy::parsePack(opened.payload));
  return policy::VerifiedPack{std::move(document), sha256, {}};
}

}  // namespace ccp::policies

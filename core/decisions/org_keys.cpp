#include "core/decisions/org_keys.hpp"

#include "core/decisions/repository.hpp"

namespace ccp::decisions {
namespace {

constexpr std::size_t kSalt = 32;
constexpr std::size_t kKey = 32;
std::string contextOf(const std::string& org) { return "policy_org_keys/" + org; }

}  // namespace

OrgKeys::Ptr OrgKeys::known(const std::string& org) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(org);
  return found == known_.end() ? nullptr : found->second;
}

void OrgKeys::learn(const std::string& org, const Ptr& key) {
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxKnown) known_.clear();
  known_[org] = key;
}

Result<OrgKeys::Ptr> OrgKeys::open(const std::string& org, const std::string& sealed) const {
  CCP_TRY(const auto secret, master_.open(sealed, contextOf(org)));
  const auto bytes = secret.view();
  if (bytes.size() != kSalt + kKey) return fail(Errc::data_loss, "The policy key of organization " + org + " does not read.");
  CCP_TRY(auto inputs, crypto::MasterKey::fromBytes(bytes.last(kKey)));
  return Ptr(std::make_shared<const OrgKey>(OrgKey{hexEncode(bytes.first(kSalt)), std::move(inputs)}));
}

Result<std::map<std::string, OrgKeys::Ptr>> OrgKeys::make(const std::vector<std::string>& orgs) {
  std::map<std::string, Ptr> out;
  std::vector<std::string> missing;
  for (const auto& org : orgs) {
    if (auto key = known(org)) out[org] = std::move(key);
    else missing.push_back(org);
  }
  if (missing.empty()) return out;
  // System scope: the log is written for every organization at once.
  CCP_TRY(const auto sealed, db_.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Result<std::map<std::string, std::string>> {
    std::map<std::string, std::string> rows;
    for (const auto& org : missing) {
      auto row = repository::orgKey(tx, org);
      if (!row) {
        const SecretBytes secret(random_.bytes(kSalt + kKey));
        repository::putOrgKey(tx, org, master_.seal(secret.view(), contextOf(org), random_));
        row = repository::orgKey(tx, org);  // another node's, if it was faster
      }
      if (row) rows[org] = std::move(*row);
    }
    return rows;
  }));
  for (const auto& [org, text] : sealed) {
    CCP_TRY(const auto key, open(org, text));
    learn(org, key);
    out[org] = key;
  }
  return out;
}

Result<OrgKeys::Ptr> OrgKeys::find(const std::string& org) {
  if (auto key = known(org)) return key;
  CCP_TRY(const auto sealed, db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::optional<std::string>> { return repository::orgKey(tx, org); }));
  if (!sealed) return fail(Errc::not_found, "The organization " + org + " has no policy key.");
  CCP_TRY(const auto key, open(org, *sealed));
  learn(org, key);
  return key;
}

}  // namespace ccp::decisions

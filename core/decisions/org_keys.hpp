// The secret of each organization: salt of its seats' hashes and key of its kept inputs. Made at first
// use, kept sealed under the master key; without its row nothing can be opened or told any more.
// Threads: thread-safe; make() and find() go to the database for what is not known yet.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/crypto/seal.hpp"
#include "core/db/db.hpp"

namespace ccp::decisions {

struct OrgKey {
  std::string salt;
  crypto::MasterKey inputs;
};

class OrgKeys {
 public:
  OrgKeys(db::Db& db, Random& random, crypto::MasterKey master) : db_(db), random_(random), master_(std::move(master)) {}

  using Ptr = std::shared_ptr<const OrgKey>;
  /// In units of work of their own: not to be called inside one. Makes what is missing.
  Result<std::map<std::string, Ptr>> make(const std::vector<std::string>& orgs);
  /// `not_found` when the organization has none.
  Result<Ptr> find(const std::string& org);

 private:
  static constexpr std::size_t kMaxKnown = 50'000;
  Result<Ptr> open(const std::string& org, const std::string& sealed) const;
  Ptr known(const std::string& org);
  void learn(const std::string& org, const Ptr& key);

  db::Db& db_;
  Random& random_;
  const crypto::MasterKey master_;
  std::mutex mutex_;
  std::map<std::string, Ptr> known_;
};

}  // namespace ccp::decisions

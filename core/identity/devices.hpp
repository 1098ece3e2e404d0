// Which devices a person, or an admin, sees and may log out. Threads: thread-safe.
#pragma once

#include <string>
#include <vector>

#include "core/db/db.hpp"
#include "core/http/principal.hpp"
#include "core/identity/directory.hpp"

namespace ccp::identity {

class Devices {
 public:
  Devices(db::Db& db, StoredDirectory& directory) : db_(db), directory_(directory) {}

  struct Entry {
    DeviceRow device;
    std::string email;
  };
  /// Active devices: one's own, or all of the org when `all` is asked for by an owner or admin.
  Result<std::vector<Entry>> list(const http::Principal& who, bool all);
  /// `not_found` for devices that one may not see.
  Status revoke(const http::Principal& who, const std::string& device_id);

 private:
  db::Db& db_;
  StoredDirectory& directory_;
};

}  // namespace ccp::identity

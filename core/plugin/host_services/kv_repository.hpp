// The rows behind ccp.kv/1: table kv of core/db. Values are any bytes (base64 in the table).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/db/db.hpp"

namespace ccp::plugin {

struct KvEntry {
  std::string value;
  std::int64_t version = 0;
};

class KvRepository {
 public:
  KvRepository(db::Tx& tx, std::string instance) : tx_(tx), instance_(std::move(instance)) {}
  /// Nothing when absent or past its time to live.
  Result<std::optional<KvEntry>> find(std::string_view key);
  /// `conflict` when another version than `expected` is there (-1: any, 0: none), `overloaded` when the
  /// namespace would outgrow `quota` bytes. Returns the new version.
  Result<std::int64_t> put(std::string_view key, std::string_view value, std::int64_t expected, std::optional<Timestamp> expires_at, std::int64_t quota);
  Status remove(std::string_view key, std::int64_t expected);

 private:
  struct Row {
    std::int64_t version = 0;
    bool live = false;
  };
  Row rowOf(std::string_view key);
  db::Tx& tx_;
  std::string instance_;
};

}  // namespace ccp::plugin

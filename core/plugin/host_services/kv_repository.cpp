#include "core/plugin/host_services/kv_repository.hpp"

#include "core/base/encoding.hpp"

namespace ccp::plugin {
namespace {

constexpr std::int64_t kAnyVersion = -1;

}  // namespace

Result<std::optional<KvEntry>> KvRepository::find(std::string_view key) {
  const auto row = tx_.one<std::string, std::int64_t>(
      "select value, version from kv where instance = :instance and key = :key and (expires_at is null or expires_at > :now)",
      {{"instance", instance_}, {"key", key}, {"now", tx_.now()}});
  if (!row) return std::optional<KvEntry>();
  CCP_TRY(const Bytes bytes, base64Decode(std::get<0>(*row)));
  return std::optional<KvEntry>(KvEntry{std::string(textOf(bytes)), std::get<1>(*row)});
}

KvRepository::Row KvRepository::rowOf(std::string_view key) {
  const auto row = tx_.one<std::int64_t, std::optional<std::int64_t>>("select version, expires_at from kv where instance = :instance and key = :key",
                                                                      {{"instance", instance_}, {"key", key}});
  if (!row) return {};
  const auto& expires_at = std::get<1>(*row);
  return {std::get<0>(*row), !expires_at || *expires_at > toMicros(tx_.now())};
}

Result<std::int64_t> KvRepository::put(std::string_view key, std::string_view value, std::int64_t expected, std::optional<Timestamp> expires_at,
                                       std::int64_t quota) {
  const std::string text = base64Encode(bytesOf(value));
  const Row row = rowOf(key);
  if (expected != kAnyVersion && expected != (row.live ? row.version : 0)) return fail(Errc::conflict, "The value has another version.");
  tx_.exec("delete from kv where instance = :instance and key <> :key and expires_at is not null and expires_at <= :now",
           {{"instance", instance_}, {"key", key}, {"now", tx_.now()}});
  const auto used = tx_.one<std::int64_t>(
      "select cast(coalesce(sum(length(value) * 3 / 4 + length(key)), 0) as bigint) from kv where instance = :instance and key <> :key",
      {{"instance", instance_}, {"key", key}});
  const std::int64_t after = std::get<0>(*used) + static_cast<std::int64_t>(value.size() + key.size());
  if (after > quota) {
    return fail(Errc::overloaded, "The quota of " + std::to_string(quota) + " bytes (permissions.kv_bytes of the manifest) would be exceeded.");
  }
  std::int64_t changed = 0;
  if (row.version > 0) {
    changed = tx_.exec(
        "update kv set value = :value, version = :next, expires_at = :expires_at, updated_at = :now"
        " where instance = :instance and key = :key and version = :version",
        {{"value", text}, {"next", row.version + 1}, {"expires_at", expires_at}, {"now", tx_.now()}, {"instance", instance_}, {"key", key}, {"version", row.version}});
  } else {
    changed = tx_.exec(
        "insert into kv (instance, key, value, version, expires_at, updated_at) values (:instance, :key, :value, 1, :expires_at, :now)"
        " on conflict (instance, key) do nothing",
        {{"instance", instance_}, {"key", key}, {"value", text}, {"expires_at", expires_at}, {"now", tx_.now()}});
  }
  if (changed == 0) return fail(Errc::conflict, "Another call changed the value at the same time.");
  return row.version + 1;
}

Status KvRepository::remove(std::string_view key, std::int64_t expected) {
  const Row row = rowOf(key);
  if (expected != kAnyVersion && expected != (row.live ? row.version : 0)) return fail(Errc::conflict, "The value has another version.");
  const auto changed = tx_.exec("delete from kv where instance = :instance and key = :key and version = :version",
                                {{"instance", instance_}, {"key", key}, {"version", row.version}});
  if (row.version > 0 && changed == 0) return fail(Errc::conflict, "Another call changed the value at the same time.");
  return {};
}

}  // namespace ccp::plugin

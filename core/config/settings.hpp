// The server's settings as values: what ccp.yaml says after the schema check, defaults filled.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/secret.hpp"
#include "core/base/time.hpp"
#include "core/config/plan_catalog.hpp"

namespace ccp::config {

enum class Mode { dev, prod };

struct Egress {
  std::vector<std::string> origins;  ///< extra origins for this instance
  bool private_addresses = false;
};

/// One configured use of a plugin.
struct PluginInstance {
  std::string name;        ///< instance name: webhook path segment
  std::string plugin;      ///< plugin id, ccp.billing-polar
  std::string isolation;   ///< "inproc" or "process"; empty = default of the id's prefix
  Json config;             ///< as written, secret references unresolved
  Egress egress;
};

/// What is billed by usage: the provider's name of it, and what it counts.
struct Meter {
  std::string name;
  std::vector<std::string> counters;  ///< requests, input_tokens, … of a rollup; their sum
  bool operator==(const Meter&) const = default;
};

/// Whether the public listener asks clients for a certificate.
enum class ClientAuth { none, optional, required };

/// TLS on the public listener. The files are read at start and whenever they change.
struct Tls {
  std::string cert_file;
  std::string key_file;    ///< or
  std::string key_secret;  ///< secret reference id; exactly one of the two
  std::string client_ca_file;
  ClientAuth client_auth = ClientAuth::none;
  std::vector<std::string> client_paths;  ///< with `optional`: prefixes that need a client's certificate
  bool tls12 = true;                      ///< false: TLS 1.3 only
};

struct Settings {
  Mode mode = Mode::dev;
  std::string signup;  ///< "open" or "closed"
  std::string product_id = "ccp";
  std::string product_name = "CCP";
  std::string state_dir;
  struct Server {
    std::string public_url;    ///< no trailing slash
    std::string listen;        ///< host:port; port 0 = any
    std::string admin_listen;
    std::vector<std::string> trusted_proxies;
    std::optional<Tls> tls;  ///< without it the public listener speaks clear text
    int loops = 0;           ///< event loops; 0: one for each core
    int threads = 64;        ///< workers for what waits
    int max_queued = 1024;   ///< requests that wait for a worker
    int max_connections = 10000;
    int max_connections_per_address = 1000;
    int requests_per_second_per_address = 0;  ///< 0: no limit
    int verifications_per_second_per_address = 500;  ///< tokens not seen before; 0: no limit
    std::size_t token_cache = 100'000;        ///< verified tokens that are remembered; 0: none
    Duration header_timeout = seconds(10);    ///< TLS handshake and head, each in all
    Duration body_timeout = seconds(30);
    Duration write_timeout = seconds(30);
    Duration idle_timeout = seconds(60);
    int min_bytes_per_second = 4096;  ///< a body and an answer have their time, and what their bytes take at this rate
    std::size_t body_memory = 64u << 20;  ///< request bodies held at once
    std::size_t max_body = 1 << 20;
    Duration drain_timeout = seconds(10);
  } server;
  struct Store {
    std::string url;
  } store;
  struct Mail {
    std::string smtp;  ///< host:port; empty in dev = log
    std::string from;
    std::string user;
    std::string password_secret;  ///< secret reference id
    bool starttls = true;
    std::string ca_file;
  } mail;
  struct License {
    Duration pack_ttl = hours(24 * 7);
    Duration offline_grace = hours(72);
    Duration access_ttl = minutes(15);
    Duration refresh_idle = hours(24 * 90);
    Duration heartbeat_interval = minutes(4);
  } license;
  struct Billing {
    std::string default_instance;
    int grace_days = 7;
    std::string on_dispute = "keep";
    Duration reconcile_interval = minutes(15);
    std::vector<Meter> meters;  ///< empty: no usage goes to billing providers
    double calls_per_minute = 90;  ///< background questions to each provider
    std::vector<int> reminder_days = {1, 3, 6};  ///< after a failed payment, within grace_days; sorted
  } billing;
  struct Usage {
    int k_safety = 5;
  } usage;
  struct Policy {
    std::string channel;      ///< "dev" or "prod": what this node enforces
    std::string root_sha256;  ///< pin of the operator's first root; may be empty
    Duration stale_grace = hours(72);
    std::vector<std::string> lanes{"anthropic", "zai", "local"};  ///< what a policy may route to; empty: any
    double max_flip = 0.02;
    bool shadow_dev = false;  ///< what stands on dev decides beside prod, without effect
    struct DecisionLog {
      double sample_allow = 1.0;
      Duration retention = hours(24 * 90);
    } decision_log;
    struct ReplayStore {
      bool enabled = false;
      Duration retention = hours(24 * 30);
    } replay_store;
  } policy;
  struct Log {
    std::string level = "info";
    std::string format = "json";
  } log;
  struct Reload {
    bool watch = true;  ///< look for changes of the files
  } reload;
  std::string plugin_dir;  ///< where .so and plugin.json lie
  std::vector<PluginInstance> plugins;
  PlanCatalog plans;
  std::string master_key_file;
  /// Where the master key is: named, or in the state directory.
  std::string masterKeyFile() const { return master_key_file.empty() ? state_dir + "/master.key" : master_key_file; }
  std::vector<std::string> files;  ///< what was read: ccp.yaml first, then a catalog of its own
  /// The values as written, environment and defaults applied, a catalog of its own file in place: what two
  /// versions of a configuration are compared by.
  Json values;

  bool dev() const noexcept { return mode == Mode::dev; }
};

/// Reads, checks against schema/ccp.schema.json, applies CCP_* environment overrides and defaults.
/// Every finding names the file, line, column and path (`config_invalid`).
Result<Settings> loadSettings(const std::string& path, const std::map<std::string, std::string>& environment);
/// The same from text; `origin` stands for the file name in messages. The fuzz target's entry.
Result<Settings> parseSettings(std::string_view yaml, const std::string& origin,
                               const std::map<std::string, std::string>& environment);
/// The settings as YAML would show them, secrets masked: for `ccpd --check-config`.
Json describeSettings(const Settings& settings);

/// Resolves secret references ("polar/token"): CCP_SECRET_POLAR_TOKEN, CCP_SECRET_POLAR_TOKEN_FILE,
/// then <state>/secrets/polar/token (0600). `secret_missing` says where it looked. A file's content is
/// kept until the file changes: thousands of webhooks a second are verified with the same one.
/// Thread-safe.
class SecretStore {
 public:
  SecretStore(std::string state_dir, std::map<std::string, std::string> environment);
  ~SecretStore();
  SecretStore(const SecretStore&) = delete;
  SecretStore& operator=(const SecretStore&) = delete;
  Result<SecretBytes> get(std::string_view id) const;

 private:
  struct Kept;
  std::optional<Result<SecretBytes>> fromFile(const std::string& path) const;

  std::string state_dir_;
  std::map<std::string, std::string> environment_;
  std::unique_ptr<Kept> kept_;
};

}  // namespace ccp::config

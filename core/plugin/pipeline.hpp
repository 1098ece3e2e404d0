// The way of a plugin from a folder on disk to code that may run; the order is the security property:
// safe owner and mode, read once, signature, hashes, compatibility and isolation, no older version than
// before, a configuration that fits the schema, sealed bytes, a first load in a process that is thrown away, and only then code that lasts
// (dlopen here, or in a process of its own).
// Threads: any; prepare() reads files and the database, and blocks.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "ccp/abi/plugin.h"
#include "core/base/error.hpp"
#include "core/base/time.hpp"
#include "core/config/settings.hpp"
#include "core/db/db.hpp"
#include "core/isolation/facts.hpp"
#include "core/package/package.hpp"
#include "core/package/sealed_library.hpp"
#include "core/package/trust/verify.hpp"

namespace ccp::plugin {

extern const db::MigrationSet kMigrations;  ///< migrations/*.sql: trusted keys, highest versions

struct PipelineSettings {
  std::string plugin_dir;  ///< one folder per plugin
  std::string state_dir;   ///< <state>/plugins/<sha256>/ when a library cannot run from memory
  bool dev = false;        ///< unsigned plugins may load
  /// Who may sign; empty: the vendor key of this build, and the keys in the database.
  std::optional<TrustStore> trust = std::nullopt;
  /// ccp-plugin-host; empty: found where the running program is installed.
  std::string host_program = {};
};

/// A plugin that passed every check, ready to be created.
struct Prepared {
  Package package;  ///< manifest and config schema; the bytes of the library are in `library`
  std::shared_ptr<const SealedLibrary> library;  ///< for a process of its own: fd(); keep it while it may restart
  const ccp_plugin* plugin = nullptr;            ///< null: it runs in a process of its own
  std::string trust;                             ///< "vendor", "key:<kid>", "unsigned"
  bool process = false;
  std::string program;  ///< of a process of its own: ccp-plugin-host
};

class Pipeline {
 public:
  /// `db` and `clock` outlive the pipeline.
  Pipeline(db::Db& db, const Clock& clock, PipelineSettings settings);

  /// Everything up to the plugin's `create`. `plugin_refused` and `config_invalid`; the detail names
  /// file, plugin, what was found, what is needed and what to do. Nothing of a plugin that is refused
  /// for its package has run.
  Result<Prepared> prepare(const config::PluginInstance& wanted) const;

  /// When its first instance is about to serve: remembers the version, so that no older one is loaded from
  /// now on. In the transaction that records the deed (see changes.hpp).
  Status started(db::Tx& tx, const Prepared& prepared) const;

 private:
  /// Read from the database each time: a key that was revoked a moment ago, on any node, is refused.
  Result<TrustStore> trustStore() const;
  Status checkNotOlder(const Package& package) const;
  Result<std::string> hostProgram() const;
  /// A library that crashes or hangs while it is loaded does so in a throwaway process. Once per library.
  Status probe(const Package& package, const SealedLibrary& library, bool process) const;

  db::Db& db_;
  const Clock& clock_;
  const PipelineSettings settings_;
  mutable std::mutex probed_mutex_;
  mutable std::map<std::string, isolation::Facts> probed_;  ///< by SHA-256: what libraries said of themselves
};

}  // namespace ccp::plugin

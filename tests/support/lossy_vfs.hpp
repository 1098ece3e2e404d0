// A SQLite VFS on top of the default one that forgets what was not synced: a power cut. Every write
// and truncation reaches the real file, and what it replaced is remembered until the next sync.
// Making and deleting files counts as durable at once (a journaling file system).
// Threads: any. One instance for each process and name.
#pragma once

#include <memory>
#include <string>

namespace ccp::test {

class LossyVfs {
 public:
  /// Registers the VFS under `name`, for db::Options::sqlite_vfs.
  explicit LossyVfs(const std::string& name);
  /// All connections must be closed.
  ~LossyVfs();
  LossyVfs(const LossyVfs&) = delete;
  LossyVfs& operator=(const LossyVfs&) = delete;

  /// From now on nothing more is written, synced or deleted: every attempt fails.
  void cutPower();
  /// After all connections are closed: puts every file back to its last synced content, removes
  /// shared-memory files, and turns the power on. Returns how many unsynced changes were lost.
  int loseUnsynced();
  /// While it is on, whoever writes to a database file (not to its log) waits.
  void stallDatabase(bool on);
  /// Writers that wait because of it.
  int stalled() const;
  /// How many syncs happened so far.
  int syncs() const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace ccp::test

// A PostgreSQL cluster of the tests' own: made on first use, once per process, run by an
// unprivileged user, removed when the process ends for whatever reason (a watchdog waits on a pipe
// that the process holds open). CCP_TEST_PG_URL names the superuser's URL of a shared cluster instead.
// Threads: any.
#pragma once

#include <string>

namespace ccp::test {

class PgCluster {
 public:
  /// Starts it when needed. Throws std::runtime_error that says what to install when it cannot.
  static PgCluster& instance();

  /// A fresh database owned by a fresh role that is no superuser, so that row-level security bites.
  struct Database {
    std::string name;
    std::string url;
  };
  Database createDatabase();
  void dropDatabase(const Database& database);
  /// Breaks every connection to the database, as a restart of the server would.
  void terminateConnections(const Database& database);
  /// Runs one statement as superuser.
  void admin(const std::string& sql);

 private:
  PgCluster();
  std::string base_;  ///< host and port as URL
  std::string admin_url_;
};

}  // namespace ccp::test

#include "tests/support/pg_cluster.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace ccp::test {
namespace {

/// Folder of initdb and postgres: the newest that Debian has installed.
std::string findBinaries() {
  namespace fs = std::filesystem;
  std::string best;
  int best_version = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    const int version = std::atoi(entry.path().filename().c_str());
    if (version > best_version && fs::exists(entry.path() / "bin/initdb", ignored)) {
      best_version = version;
      best = (entry.path() / "bin").string();
    }
  }
  if (best.empty()) {
    throw std::runtime_error(
        "PostgreSQL is missing: these tests run on it as well. Install it with "
        "`apt-get install postgresql-15`, or name a running one in CCP_TEST_PG_URL");
  }
  return best;
}

std::string unprivilegedUser() {
  for (const char* name : {"postgres", "nobody"}) {
    if (::getpwnam(name) != nullptr) return name;
  }
  throw std::runtime_error("PostgreSQL refuses to run as root and there is no user postgres or nobody");
}

int freePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no free port for PostgreSQL");
  }
  ::close(fd);
  return ntohs(address.sin_port);
}

/// Starts the cluster and a watchdog: when standard input ends, because this process closed it or
/// died, the server is stopped and the folder removed.
constexpr const char* kScript = R"sh(
dir=$1 bin=$2 port=$3 user=$4
exec 3<&0
# Replaces the subshell it is called in, so that $! is the program itself.
run() {
  if [ -n "$user" ]; then exec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups -- "$@"; fi
  exec "$@"
}
cd "$dir" || exit 1
[ -z "$user" ] || chown "$user" "$dir"
pid=
if (run "$bin/initdb" -A trust -U ccp_super -E UTF8 --locale=C --no-sync -D "$dir/data") \
     > "$dir/initdb.log" 2>&1 < /dev/null; then
  run "$bin/postgres" -D "$dir/data" -c listen_addresses=127.0.0.1 -c port="$port" \
    -c unix_socket_directories="$dir" -c fsync=off -c full_page_writes=off -c synchronous_commit=on \
    -c max_connections=200 -c shared_buffers=64MB > "$dir/server.log" 2>&1 < /dev/null 3<&- &
  pid=$!
else
  echo failed > "$dir/failed"
fi
cat <&3 > /dev/null
if [ -n "$pid" ]; then kill -QUIT "$pid"; wait "$pid"; fi
rm -rf "$dir"
)sh";

class Connection {
 public:
  explicit Connection(const std::string& url) : conn_(PQconnectdb(url.c_str())) {
    if (PQstatus(conn_) != CONNECTION_OK) {
      const std::string message = PQerrorMessage(conn_);
      PQfinish(conn_);
      throw std::runtime_error("the tests' PostgreSQL does not answer: " + message);
    }
  }
  ~Connection() { PQfinish(conn_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  void run(const std::string& sql) {
    PGresult* result = PQexec(conn_, sql.c_str());
    const auto status = PQresultStatus(result);
    PQclear(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
      throw std::runtime_error("the tests' PostgreSQL refused: " + std::string(PQerrorMessage(conn_)) + " in " + sql);
    }
  }

 private:
  PGconn* conn_;
};

}  // namespace

PgCluster& PgCluster::instance() {
  static PgCluster* cluster = new PgCluster;  // never destroyed: the watchdog cleans up at exit
  return *cluster;
}

PgCluster::PgCluster() {
  if (const char* url = std::getenv("CCP_TEST_PG_URL"); url != nullptr && *url != '\0') {
    admin_url_ = url;
    // postgresql://user@host:port/database → host:port
    const std::string text = admin_url_;
    const auto at = text.find('@');
    const auto slash = text.find('/', at);
    if (at == std::string::npos || slash == std::string::npos) {
      throw std::runtime_error("CCP_TEST_PG_URL must look like postgresql://superuser@host:port/postgres");
    }
    base_ = text.substr(at + 1, slash - at - 1);
    return;
  }
  const std::string binaries = findBinaries();
  const std::string user = ::geteuid() == 0 ? unprivilegedUser() : "";
  std::string dir = (std::filesystem::temp_directory_path() / "ccp-pg-XXXXXX").string();
  if (::mkdtemp(dir.data()) == nullptr) throw std::runtime_error("cannot make a folder for PostgreSQL");
  const int port = freePort();

  int pipe_fds[2];
  if (::pipe2(pipe_fds, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_fds[0], 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A session of its own: Ctrl-C ends the test, and the watchdog lives on to clean up.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  const std::string port_text = std::to_string(port);
  const char* arguments[] = {"sh",  "-c", kScript, "ccp-pg-watchdog", dir.c_str(), binaries.c_str(), port_text.c_str(),
                             user.c_str(), nullptr};
  pid_t pid = 0;
  const int spawned = ::posix_spawn(&pid, "/bin/sh", &actions, &attributes, const_cast<char* const*>(arguments), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  ::close(pipe_fds[0]);  // pipe_fds[1] stays open as long as this process lives
  if (spawned != 0) throw std::runtime_error("cannot start a shell for PostgreSQL");

  base_ = "127.0.0.1:" + port_text;
  admin_url_ = "postgresql://ccp_super@" + base_ + "/postgres?connect_timeout=5";
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (PQping(admin_url_.c_str()) != PQPING_OK) {
    if (std::filesystem::exists(dir + "/failed") || std::chrono::steady_clock::now() > until) {
      throw std::runtime_error("the tests' PostgreSQL did not start; see initdb.log and server.log in " + dir);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

PgCluster::Database PgCluster::createDatabase() {
  static std::atomic<int> counter{0};
  const std::string name = "ccp_t" + std::to_string(::getpid()) + "_" + std::to_string(++counter);
  Connection connection(admin_url_);
  connection.run("create role " + name + " login nosuperuser nobypassrls nocreatedb");
  connection.run("create database " + name + " owner " + name + " encoding 'UTF8' template template0");
  return {name, "postgresql://" + name + "@" + base_ + "/" + name};
}

void PgCluster::dropDatabase(const Database& database) {
  Connection connection(admin_url_);
  connection.run("drop database if exists " + database.name + " with (force)");
  connection.run("drop role if exists " + database.name);
}

void PgCluster::terminateConnections(const Database& database) {
  admin("select pg_terminate_backend(pid) from pg_stat_activity where datname = '" + database.name + "'");
}

void PgCluster::admin(const std::string& sql) { Connection(admin_url_).run(sql); }

}  // namespace ccp::test

// ccp.export-sql through the C ABI against real databases: SQLite and PostgreSQL. CCP_TEST_SQL_CONNECTOR
// and CCP_TEST_SQL_CONNECTION run the same cases on another one (MySQL, ODBC) by hand; its tables are
// removed first.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <Poco/Data/Session.h>
#include <Poco/Exception.h>
#include <Poco/Nullable.h>

#include <csignal>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <regex>
#include <thread>

#include "ccp/exporter.hpp"
#include "ccp/testing/fake_host.hpp"
#include "connect.hpp"
#include "tests/support/pg_cluster.hpp"
#include "tests/support/schema_check.hpp"

extern "C" const ccp_plugin* ccp_plugin_entry_v1(void);
extern char** environ;

namespace {

using ccp::json;
using namespace Poco::Data::Keywords;

/// A folder that goes with its content. (tests/support/temp_db.hpp is the core's, which plugins do not see.)
struct TempDir {
  TempDir() {
    char name[] = "/tmp/ccp-export-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string path;
};

/// postgresql://user@host:port/name as Poco's connector wants it.
std::string keywords(const std::string& url) {
  const std::regex form("postgresql://([^@]+)@([^:/]+):([0-9]+)/(.+)");
  std::smatch m;
  REQUIRE(std::regex_match(url, m, form));
  return "user=" + m[1].str() + " host=" + m[2].str() + " port=" + m[3].str() + " dbname=" + m[4].str();
}

/// One empty database of a kind.
struct Database {
  explicit Database(const std::string& kind) : connector(kind) {
    if (kind == "sqlite") {
      connection = dir.path + "/export.db";
    } else if (kind == "postgresql") {
      made = ccp::test::PgCluster::instance().createDatabase();
      connection = keywords(made.url);
    } else {
      connector = std::getenv("CCP_TEST_SQL_CONNECTOR");
      connection = std::getenv("CCP_TEST_SQL_CONNECTION");
      for (const char* table : {"ccp_schema_versions", "ccp_streams", "ccp_events", "ccp_rollups"}) {
        try {
          auto s = session();
          if (connector == "odbc") s->begin();
          *s << std::string("drop table ") + table, now;
          if (connector == "odbc") s->commit();
        } catch (const Poco::Exception&) {  // not there yet
        }
      }
    }
  }
  ~Database() {
    if (!made.name.empty()) ccp::test::PgCluster::instance().dropDatabase(made);
  }
  std::unique_ptr<Poco::Data::Session> session() const { return sql_export::connect({connector, connection}); }
  std::int64_t count(const std::string& sql) const {
    Poco::Int64 n = -1;
    auto s = session();
    *s << sql, into(n), now;
    return n;
  }
  /// Poco's MySQL connector does not read longtext; what is in it must be cast.
  std::string jsonText(const std::string& column, const std::string& from) const {
    return text("select " + (connector == "mysql" ? "cast(" + column + " as char(2000))" : column) + from);
  }
  std::string text(const std::string& sql) const {
    Poco::Nullable<std::string> out;
    auto s = session();
    *s << sql, into(out), now;
    return out.isNull() ? "(null)" : out.value();
  }

  TempDir dir;
  ccp::test::PgCluster::Database made;
  std::string connector;
  std::string connection;
};

/// One instance of the plugin on it.
struct Lab {
  explicit Lab(const Database& db, const std::string& name = "sql", json more = json::object()) {
    host.secrets["exports/db"] = db.connection;
    instance = std::make_unique<ccp::testing::FakeInstance>(host, ccp_plugin_entry_v1(), name);
    json config = {{"connector", db.connector}, {"connection", {{"$secret", "exports/db"}}}, {"table_prefix", "ccp_"}, {"streams", {"events", "rollups"}}};
    config.update(more);
    const auto done = instance->configure(config);
    REQUIRE_MESSAGE(done.ok(), done.err.dump());
  }
  ccp::testing::OpResult open(const std::string& stream) { return instance->call(&ccp_exporter_v1::open, {{"stream", stream}, {"cursor", 0}}); }
  ccp::testing::OpResult write(const std::string& stream, const std::vector<json>& records) {
    const json in = {{"stream", stream}, {"first_sequence", records.front()["sequence"]}, {"last_sequence", records.back()["sequence"]}, {"records", records}};
    CHECK(ccp::test::schemaProblem("sdk/schemas/ccp.exporter/write_batch.in.json", in.dump()) == "");
    auto result = instance->call(&ccp_exporter_v1::write_batch, in);
    if (result.ok()) CHECK(ccp::test::schemaProblem("sdk/schemas/ccp.exporter/write_batch.out.json", result.out.dump()) == "");
    return result;
  }
  void ok(const std::string& stream, const std::vector<json>& records) {
    const auto result = write(stream, records);
    REQUIRE_MESSAGE(result.ok(), result.err.dump());
    CHECK(result.out["last_sequence"] == records.back()["sequence"]);
    REQUIRE(instance->call(&ccp_exporter_v1::flush, {{"stream", stream}}).ok());
  }

  ccp::testing::FakeHost host;
  std::unique_ptr<ccp::testing::FakeInstance> instance;
};

json event(std::int64_t n) {
  return {{"sequence", n},      {"id", "evt_" + std::to_string(n)}, {"type", "license.changed"}, {"occurred_at", "2026-11-21T05:06:07.25Z"}, {"org", "org_a"},
          {"subject", "lic_1"}, {"data", {{"n", n}, {"text", "ä \"quoted\" 'text' \xF0\x9F\x99\x82"}}}};
}
json rollup(std::int64_t sequence, const std::string& id, std::int64_t revision, std::int64_t input) {
  return {{"sequence", sequence},
          {"id", id + "." + std::to_string(revision)},
          {"type", "usage.rollup"},
          {"occurred_at", "2026-11-21T06:00:00Z"},
          {"org", "org_a"},
          {"subject", id},
          {"data",
           {{"rollup", id}, {"revision", revision}, {"source", "dev_1"}, {"seat", revision == 1 ? json("seat_1") : json(nullptr)}, {"period", "hour"},
            {"start_at", "2026-11-21T05:00:00Z"}, {"model", "claude-opus-4-6"}, {"lane", "anthropic"}, {"requests", 2}, {"errors", 1},
            {"input_tokens", input}, {"output_tokens", 20}, {"cache_read_tokens", 30}, {"cache_write_tokens", 40}, {"cost_microusd", nullptr},
            {"ttft", {{"alpha", 0.01}, {"zero", 0}, {"offset", 7}, {"counts", {1, 2}}, {"p50_ms", 120.5}, {"p90_ms", 200}, {"p99_ms", nullptr}}}}}};
}

using Body = std::function<void(Database&)>;
void onEach(const Body& body) {
  SUBCASE("sqlite") {
    Database db("sqlite");
    body(db);
  }
  SUBCASE("postgresql") {
    Database db("postgresql");
    body(db);
  }
  if (std::getenv("CCP_TEST_SQL_CONNECTOR") != nullptr) {
    SUBCASE("named") {
      Database db("named");
      body(db);
    }
  }
}

}  // namespace

TEST_CASE("events become rows with their data as JSON") {
  onEach([](Database& db) {
    Lab lab(db);
    REQUIRE(lab.open("events").ok());
    lab.ok("events", {event(1), event(2)});
    CHECK(db.count("select count(*) from ccp_events") == 2);
    CHECK(json::parse(db.jsonText("data", " from ccp_events where id = 'evt_2'")) == event(2)["data"]);
    CHECK(db.text("select event_type from ccp_events where id = 'evt_1'") == "license.changed");
    CHECK(db.count("select seq from ccp_events where id = 'evt_2'") == 2);
    CHECK(db.count("select last_sequence from ccp_streams where instance = 'sql' and stream = 'events'") == 2);
    if (db.connector == "postgresql") {
      CHECK(db.count("select cast(extract(epoch from occurred_at) * 1000 as bigint) from ccp_events where id = 'evt_1'") == 1795237567250);
    }
  });
}

TEST_CASE("rollups become typed columns that a query can add up") {
  onEach([](Database& db) {
    Lab lab(db);
    lab.ok("rollups", {rollup(1, "rol_1", 1, 10), rollup(2, "rol_2", 2, 5'000'000'000)});
    CHECK(db.count("select max(input_tokens) from ccp_rollups") == 5'000'000'000);
    CHECK(db.text("select seat_id from ccp_rollups where rollup_id = 'rol_1'") == "seat_1");
    CHECK(db.text("select seat_id from ccp_rollups where rollup_id = 'rol_2'") == "(null)");
    CHECK(db.count("select count(*) from ccp_rollups where cost_microusd is null and ttft_p99_ms is null and ttft_p50_ms = 120.5") == 2);
    CHECK(json::parse(db.jsonText("ttft", " from ccp_rollups where rollup_id = 'rol_1'"))["counts"] == json({1, 2}));
  });
}

TEST_CASE("a batch that comes again, whole or in part, changes nothing") {
  onEach([](Database& db) {
    Lab lab(db);
    lab.ok("events", {event(1), event(2), event(3)});
    lab.ok("events", {event(1), event(2), event(3)});
    lab.ok("events", {event(3), event(4)});
    CHECK(db.count("select count(*) from ccp_events") == 4);
    Lab other(db);  // after a swap
    other.ok("events", {event(2), event(3), event(4), event(5)});
    CHECK(db.count("select count(*) from ccp_events") == 5);
    CHECK(db.count("select last_sequence from ccp_streams where stream = 'events'") == 5);
  });
}

TEST_CASE("the newest revision of a rollup stays, in whatever order revisions come and come again") {
  onEach([](Database& db) {
    Lab lab(db);
    lab.ok("rollups", {rollup(1, "rol_1", 1, 10), rollup(2, "rol_1", 3, 30), rollup(3, "rol_1", 2, 20)});
    CHECK(db.count("select input_tokens from ccp_rollups") == 30);
    CHECK(db.count("select revision from ccp_rollups") == 3);
    CHECK(db.text("select seat_id from ccp_rollups") == "(null)");
    lab.ok("rollups", {rollup(1, "rol_1", 1, 10)});
    CHECK(db.count("select input_tokens from ccp_rollups") == 30);
    lab.ok("rollups", {rollup(4, "rol_1", 4, 7)});
    CHECK(db.count("select input_tokens from ccp_rollups") == 7);
    CHECK(db.count("select count(*) from ccp_rollups") == 1);
  });
}

TEST_CASE("a batch that is cancelled in its middle leaves nothing") {
  onEach([](Database& db) {
    Lab lab(db);
    lab.ok("events", {event(1)});
    lab.host.cancelled = true;
    const auto result = lab.write("events", {event(2), event(3)});
    CHECK(result.rc == CCP_RC_CANCELLED);
    CHECK(db.count("select count(*) from ccp_events") == 1);
    lab.host.cancelled = false;
    lab.ok("events", {event(2), event(3)});
    CHECK(db.count("select count(*) from ccp_events") == 3);
  });
}

TEST_CASE("a record that is not what its stream promises fails the batch without a trace") {
  onEach([](Database& db) {
    Lab lab(db);
    lab.ok("rollups", {rollup(1, "rol_1", 1, 10)});
    json broken = rollup(3, "rol_3", 1, 10);
    broken["data"].erase("model");
    CHECK(lab.write("rollups", {rollup(2, "rol_2", 1, 10), broken}).rc == CCP_RC_INVALID_ARGUMENT);
    CHECK(db.count("select count(*) from ccp_rollups") == 1);
    CHECK(db.count("select last_sequence from ccp_streams where stream = 'rollups'") == 1);
  });
}

// The other half of the next case, in a process of its own.
TEST_CASE("child: dies in the middle of a batch" * doctest::skip(std::getenv("CCP_EXPORT_CHILD") == nullptr)) {
  Database db("named");
  Lab lab(db);
  static int asked = 0;
  ccp::testing::FakeCall call(lab.host);
  ccp_call raw = call.raw();
  raw.is_cancelled = [](const ccp_call*) -> std::int32_t {
    if (++asked == 3) ::kill(::getpid(), SIGKILL);
    return 0;
  };
  const json in = {{"stream", "events"}, {"first_sequence", 1}, {"last_sequence", 4}, {"records", {event(1), event(2), event(3), event(4)}}};
  const std::string text = in.dump();
  const auto* plugin = ccp_plugin_entry_v1();
  const auto* table = static_cast<const ccp_exporter_v1*>(plugin->extension(plugin, CCP_EXPORTER_ID));
  table->write_batch(lab.instance->raw(), &raw, ccp::toStr(text));
  FAIL("it survived");
}

TEST_CASE("a process that is killed in the middle of a batch leaves none of it, and the repeat is whole") {
  onEach([](Database& db) {
    ::setenv("CCP_EXPORT_CHILD", "1", 1);
    const char* named_connector = std::getenv("CCP_TEST_SQL_CONNECTOR");
    const std::string before = named_connector ? named_connector : "";
    ::setenv("CCP_TEST_SQL_CONNECTOR", db.connector.c_str(), 1);
    ::setenv("CCP_TEST_SQL_CONNECTION", db.connection.c_str(), 1);
    std::string self = "/proc/self/exe", only = "--test-case=child: dies*";
    char* arguments[] = {self.data(), only.data(), nullptr};
    pid_t pid = 0;
    REQUIRE(::posix_spawn(&pid, self.c_str(), nullptr, nullptr, arguments, environ) == 0);
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    ::unsetenv("CCP_EXPORT_CHILD");
    if (before.empty()) ::unsetenv("CCP_TEST_SQL_CONNECTOR");
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGKILL);
    CHECK(db.count("select count(*) from ccp_events") == 0);
    Lab lab(db);
    lab.ok("events", {event(1), event(2), event(3), event(4)});
    CHECK(db.count("select count(*) from ccp_events") == 4);
  });
}

TEST_CASE("both streams may begin at the same moment on an empty database") {
  onEach([](Database& db) {
    Lab lab(db);
    Lab other(db, "second");
    std::vector<std::thread> threads;
    std::atomic<int> failed = 0;
    for (Lab* each : {&lab, &other}) {
      threads.emplace_back([&failed, each] {
        for (const char* stream : {"events", "rollups"}) {
          if (!each->open(stream).ok()) ++failed;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    CHECK(failed == 0);
    lab.ok("events", {event(1)});
    other.ok("events", {event(1), event(2)});
    CHECK(db.count("select count(*) from ccp_events") == 2);
    CHECK(db.count("select count(*) from ccp_streams") == 2);
    CHECK(db.count("select count(*) from ccp_schema_versions") == 1);
  });
}

TEST_CASE("two streams that write at the same time wait for each other and do not fail") {
  onEach([](Database& db) {
    Lab lab(db);
    Lab other(db, "second");  // FakeHost is for one thread: each has its own
    REQUIRE(lab.open("events").ok());
    REQUIRE(other.open("rollups").ok());
    std::atomic<int> failed = 0;
    std::thread events([&] {
      for (int n = 1; n <= 40; n += 2) failed += lab.write("events", {event(n), event(n + 1)}).ok() ? 0 : 1;
    });
    std::thread rollups([&] {
      for (int n = 1; n <= 40; n += 2) {
        failed += other.write("rollups", {rollup(n, "rol_" + std::to_string(n), 1, n), rollup(n + 1, "rol_x", n, n)}).ok() ? 0 : 1;
      }
    });
    events.join();
    rollups.join();
    CHECK(failed == 0);
    CHECK(db.count("select count(*) from ccp_events") == 40);
    CHECK(db.count("select count(*) from ccp_rollups") == 21);
  });
}

TEST_CASE("tables of a newer plugin are left alone") {
  onEach([](Database& db) {
    { Lab lab(db); REQUIRE(lab.open("events").ok()); }
    {
      auto s = db.session();
      if (db.connector == "odbc") s->begin();
      *s << "update ccp_schema_versions set version = 7", now;
      if (db.connector == "odbc") s->commit();
    }
    Lab lab(db);
    const auto refused = lab.open("events");
    CHECK(refused.rc == CCP_RC_CONFLICT);
    CHECK(refused.err["detail"].get<std::string>().find("version 7") != std::string::npos);
    CHECK(lab.write("events", {event(1)}).rc == CCP_RC_CONFLICT);
  });
}

TEST_CASE("a connection that breaks costs one failure; the next batch makes a new one") {
  Database db("postgresql");
  Lab lab(db);
  lab.ok("events", {event(1)});
  ccp::test::PgCluster::instance().terminateConnections(db.made);
  CHECK(lab.write("events", {event(2)}).rc == CCP_RC_UNAVAILABLE);
  lab.ok("events", {event(2)});
  CHECK(db.count("select count(*) from ccp_events") == 2);
}

TEST_CASE("a stream that is not configured is declined, and close gives the connection back") {
  Database db("sqlite");
  Lab lab(db, "sql", {{"streams", json::array({"rollups"})}});
  CHECK(lab.open("events").rc == CCP_RC_UNIMPLEMENTED);
  CHECK(lab.write("events", {event(1)}).rc == CCP_RC_UNIMPLEMENTED);
  lab.ok("rollups", {rollup(1, "rol_1", 1, 10)});
  CHECK(lab.instance->call(&ccp_exporter_v1::close, {{"stream", "rollups"}}).ok());
  lab.ok("rollups", {rollup(2, "rol_2", 1, 10)});
  CHECK(lab.instance->drain().ok());
}

TEST_CASE("the connection string never appears in an error") {
  struct Case {
    const char* connector;
    const char* connection;
  };
  for (const Case& each : {Case{"postgresql", "host=127.0.0.1 port=1 user=exporter password=hunter22secret dbname=x"},
                           Case{"mysql", "host=127.0.0.1;port=1;user=exporter;password=hunter22secret;db=x"},
                           Case{"odbc", "Driver={No Such Driver};UID=exporter;PWD=hunter22secret"},
                           Case{"sqlite", "/nowhere/hunter22secret/x.db"}}) {
    CAPTURE(each.connector);
    ccp::testing::FakeHost host;
    host.secrets["exports/db"] = each.connection;
    ccp::testing::FakeInstance plugin(host, ccp_plugin_entry_v1(), "sql");
    REQUIRE(plugin.configure({{"connector", each.connector}, {"connection", {{"$secret", "exports/db"}}}, {"streams", {"events"}}}).ok());
    const auto result = plugin.call(&ccp_exporter_v1::open, {{"stream", "events"}, {"cursor", 0}});
    CHECK(result.rc == CCP_RC_UNAVAILABLE);
    const std::string text = result.err.dump();
    CAPTURE(text);
    CHECK(text.find("hunter22secret") == std::string::npos);
    CHECK(text.find("exporter") == std::string::npos);
    CHECK(text.find(each.connector) != std::string::npos);
  }
}

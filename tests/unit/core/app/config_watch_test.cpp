// Noticing a changed file however it was changed, once, and not before it rests.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "core/app/config_watch.hpp"
#include "core/base/file.hpp"
#include "tests/support/temp_db.hpp"

using namespace ccp;
using namespace ccp::app;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() { write("a: 1\n"); }
  void write(const std::string& text) const { std::ofstream(path) << text; }
  test::TempDir dir;
  std::string path = dir.path() + "/ccp.yaml";
};

/// How many of `n` polls report a change.
int reports(ConfigWatch& watch, int n = 4) {
  int out = 0;
  for (int i = 0; i < n; ++i) out += watch.poll() ? 1 : 0;
  return out;
}

}  // namespace

TEST_CASE("nothing happens while nothing changes") {
  const Folder f;
  ConfigWatch watch({f.path});
  CHECK(reports(watch) == 0);
}

TEST_CASE("a change in place is reported once, and only when it rests") {
  const Folder f;
  ConfigWatch watch({f.path});
  f.write("a: 2, half");
  CHECK_FALSE(watch.poll());
  f.write("a: 2, half written, and");
  CHECK_FALSE(watch.poll());
  f.write("a: 2\nb: done\n");
  CHECK_FALSE(watch.poll());
  CHECK(watch.poll());
  CHECK(reports(watch) == 0);
}

TEST_CASE("a file that is renamed over it is reported") {
  const Folder f;
  ConfigWatch watch({f.path});
  REQUIRE(writeFileAtomic(f.path, "a: 9\n"));  // same size: a watch on the old inode sees nothing
  CHECK(reports(watch) == 1);
}

TEST_CASE("a switched symbolic link is reported, as Kubernetes switches ..data") {
  const test::TempDir dir;
  for (const char* version : {"/..v1", "/..v2"}) {
    fs::create_directory(dir.path() + version);
    std::ofstream(dir.path() + version + "/ccp.yaml") << "version: " << version << "\n";
  }
  fs::create_directory_symlink("..v1", dir.path() + "/..data");
  fs::create_symlink("..data/ccp.yaml", dir.path() + "/ccp.yaml");
  ConfigWatch watch({dir.path() + "/ccp.yaml"});
  fs::create_directory_symlink("..v2", dir.path() + "/..data_tmp");
  fs::rename(dir.path() + "/..data_tmp", dir.path() + "/..data");
  CHECK(reports(watch) == 1);
}

TEST_CASE("touching a file, or replacing it by its equal, is no change") {
  const Folder f;
  ConfigWatch watch({f.path});
  fs::last_write_time(f.path, fs::file_time_type::clock::now() + seconds(100));
  CHECK(reports(watch) == 0);
  REQUIRE(writeFileAtomic(f.path, "a: 1\n"));
  CHECK(reports(watch) == 0);
}

TEST_CASE("a change that leaves size and time alone is seen by its inode, and one that is taken back is none") {
  const Folder f;
  ConfigWatch watch({f.path});
  const auto time = fs::last_write_time(f.path);
  REQUIRE(writeFileAtomic(f.path, "a: 7\n"));
  fs::last_write_time(f.path, time);
  CHECK(reports(watch) == 1);
  f.write("b: 1\n");
  CHECK_FALSE(watch.poll());
  f.write("a: 7\n");
  CHECK(reports(watch) == 0);
}

TEST_CASE("a file that goes away is reported, and so is its return") {
  const Folder f;
  ConfigWatch watch({f.path});
  fs::remove(f.path);
  CHECK(reports(watch) == 1);
  f.write("a: 1\n");
  CHECK(reports(watch) == 1);
}

TEST_CASE("each of several files counts, and what somebody else took is known") {
  const Folder f;
  const std::string plans = f.dir.path() + "/plans.yaml";
  std::ofstream(plans) << "[]\n";
  ConfigWatch watch({f.path, plans});
  std::ofstream(plans) << "[{id: a}]\n";
  CHECK(reports(watch) == 1);
  f.write("a: 2\n");
  watch.taken({f.path});
  CHECK(reports(watch) == 0);
  std::ofstream(plans) << "[{id: b}]\n";
  CHECK(reports(watch) == 0);
}

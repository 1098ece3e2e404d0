// A plugin of today on the hosts of every release: tables of exactly the bytes that the release had, with
// nothing readable behind them.
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "ccp/testing/fake_host.hpp"
#include "tests/abi/gate.hpp"

using namespace ccp;

namespace {

/// sizeof(type) in a release: the end of its last field.
std::size_t sizeIn(const std::string& release, const std::string& type) {
  std::size_t end = 0;
  for (const auto& line : abi::linesOf(abi::readFile(std::string(CCP_SOURCE_DIR) + "/tests/abi/golden/" + release + ".txt"))) {
    if (line.rfind(type + ".", 0) != 0) continue;
    std::istringstream in(line.substr(line.find(' ')));
    std::size_t offset = 0, size = 0;
    in >> offset >> size;
    end = std::max(end, offset + size);
  }
  REQUIRE_MESSAGE(end > 0, type, " is not in ", release);
  return end;
}

/// `size` bytes of a table that end where the next page cannot be read: who looks further, crashes.
class ShortTable {
 public:
  ShortTable(const void* table, std::size_t size) : page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
    memory_ = static_cast<char*>(::mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(memory_ != MAP_FAILED);
    REQUIRE(::mprotect(memory_ + page_, page_, PROT_NONE) == 0);
    std::memcpy(at(size), table, size);
    const auto says = static_cast<std::uint32_t>(size);
    std::memcpy(at(size), &says, sizeof says);  // every table begins with its size
    table_ = at(size);
  }
  ~ShortTable() { ::munmap(memory_, 2 * page_); }
  ShortTable(const ShortTable&) = delete;
  ShortTable& operator=(const ShortTable&) = delete;
  const void* get() const noexcept { return table_; }

 private:
  char* at(std::size_t size) const noexcept { return memory_ + page_ - size; }
  std::size_t page_;
  char* memory_ = nullptr;
  const char* table_ = nullptr;
};

/// A fake host as a release had it.
struct OldHost {
  explicit OldHost(const std::string& release) {
    fake.secrets["signer/key"] = "whsk_AAAA";
    for (const auto* name : {"log", "clock", "http", "kv", "secrets", "crypto", "metrics", "events", "scheduler"}) {
      const std::string id = std::string("ccp.") + name + "/1";
      tables[id] = std::make_unique<ShortTable>(fake.raw()->service(fake.raw(), id.c_str()), sizeIn(release, std::string("ccp_") + name + "_v1"));
    }
    raw = {static_cast<std::uint32_t>(sizeIn(release, "ccp_host")), 1, static_cast<std::uint16_t>(release.back() - '0'), this, "old", "0",
           [](const ccp_host* h, const char* id) -> const void* {
             const auto& all = static_cast<const OldHost*>(h->ctx)->tables;
             const auto at = all.find(id);
             return at == all.end() ? nullptr : at->second->get();
           },
           "dev"};
    host = std::make_unique<ShortTable>(&raw, raw.size);
  }
  ccp::testing::FakeHost fake;
  std::map<std::string, std::unique_ptr<ShortTable>> tables;
  ccp_host raw{};
  std::unique_ptr<ShortTable> host;
};

}  // namespace

TEST_CASE("a plugin of today uses what the host of each release has, and does without the rest") {
  const std::map<std::string, bool> signs{{"1.0", false}, {"1.1", true}};
  for (const auto& release : abi::releases()) {
    CAPTURE(release);
    OldHost old(release);
    const ccp_plugin* plugin = ccp_plugin_entry_v1();
    ccp_instance* made = nullptr;
    REQUIRE(plugin->create(static_cast<const ccp_host*>(old.host->get()), ccp::toStr("new"), &made) == CCP_RC_OK);
    const auto run = [&](ccp_op op, const char* in) {
      ccp::testing::FakeCall call(old.fake);
      ccp::testing::OpResult result;
      result.rc = op(made, &call.raw(), ccp::toStr(in));
      result.out = ccp::json::parse(call.out(), nullptr, false);
      return result;
    };
    CHECK(run(plugin->configure, "{}").ok());
    CHECK(run(plugin->start, "{}").ok());
    const auto* table = static_cast<const ccp_exporter_v1*>(plugin->extension(plugin, CCP_EXPORTER_ID));
    const auto written = run(table->write_batch, R"({"stream":"events","first_sequence":1,"last_sequence":3,"records":[]})");
    REQUIRE(written.ok());
    CHECK(written.out.at("last_sequence").get<int>() == 3);
    REQUIRE_MESSAGE(signs.count(release) == 1, "say here what the plugin can do on a host of ", release);
    CHECK(written.out.at("signed").get<bool>() == signs.at(release));
    CHECK(run(plugin->stop, "{}").ok());
    plugin->destroy(made);
  }
}

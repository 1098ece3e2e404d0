#include "core/package/manifest.hpp"

#include <doctest/doctest.h>

#include "core/package/package.hpp"

using namespace ccp;
using namespace ccp::plugin;

namespace {

Json whole() {
  return *parseJson(R"({"schema":"ccp.plugin/1","id":"ccp.billing-polar","version":"1.4.0",
    "abi":{"major":1,"min_minor":0,"mode":"stable"},"provides":["ccp.billing/1"],"requires":["ccp.http/1"],"optional":["ccp.log/1"],
    "permissions":{"egress":["https://api.polar.sh"],"secrets":["polar/*"],"kv_bytes":65536,"events":["usage.accepted"]},
    "isolation":{"allowed":["process","inproc"]},"max_concurrency":32,"limits":{"op_timeout_ms":1500,"output_bytes":2048,"rss_mb":64},
    "files":{"billing_polar.so":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
             "schemas/config.json":"sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
    "config_schema":"schemas/config.json","built":{"sdk":"1.2.0"},"min_host":"0.1.0","expires":"2036-01-01T00:00:00Z"})");
}

/// The manifest with one member replaced (`pointer` is "key" or "object/key"); null text removes it.
std::string with(const std::string& path, const char* value) {
  Json root = whole();
  const auto slash = path.find('/');
  const std::string first = path.substr(0, slash);
  if (slash == std::string::npos) {
    if (value) root.set(first, *parseJson(value));
    else root.erase(first);
    return root.dump();
  }
  Json inner = root[first];
  if (value) inner.set(path.substr(slash + 1), *parseJson(value));
  else inner.erase(path.substr(slash + 1));
  root.set(first, inner);
  return root.dump();
}

}  // namespace

TEST_CASE("a manifest says what a plugin is, needs and may do") {
  const auto m = parseManifest(whole().dump());
  REQUIRE(m.has_value());
  CHECK(m->id == "ccp.billing-polar");
  CHECK(m->version == "1.4.0");
  CHECK(m->provides_interface("ccp.billing/1"));
  CHECK_FALSE(m->provides_interface("ccp.billing/2"));
  CHECK(m->mayReadSecret("polar/token"));
  CHECK_FALSE(m->mayReadSecret("stripe/token"));
  CHECK_FALSE(m->mayReadSecret("polar/"));
  CHECK_FALSE(m->mayReadSecret("polarized/x"));
  CHECK(m->allows_inproc);
  CHECK(m->max_concurrency == 32);
  CHECK((m->op_timeout == milliseconds(1500)));
  CHECK(m->output_bytes == 2048);
  CHECK(m->library == "billing_polar.so");
  CHECK(m->files.at("billing_polar.so") == std::string(64, 'a'));
  CHECK(m->config_schema == "schemas/config.json");
}

TEST_CASE("a manifest that breaks a rule is refused by the member's name") {
  struct Case {
    const char* path;
    const char* value;  ///< nullptr: removed
    const char* names;
  };
  const Case cases[] = {
      {"schema", "\"ccp.plugin/2\"", "schema"},
      {"id", "\"polar\"", "id"},
      {"id", "\"ccp..polar\"", "id"},
      {"id", "\"CCP.polar\"", "id"},
      {"id", "\"ccp.polar/../x\"", "id"},
      {"id", nullptr, "id"},
      {"version", "\"1.4\"", "version"},
      {"version", "\"1.4.0-rc1\"", "version"},
      {"abi", nullptr, "abi"},
      {"abi/major", "\"1\"", "abi.major"},
      {"abi/major", nullptr, "abi.major"},
      {"abi/mode", "\"exact\"", "abi.mode"},
      {"abi/extra", "1", "extra"},
      {"provides", "[]", "provides"},
      {"provides", "[\"billing\"]", "provides"},
      {"provides", "[\"ccp.billing/0\"]", "provides"},
      {"provides", "[\"ccp.billing/1\",\"ccp.billing/1\"]", "twice"},
      {"requires", "\"ccp.http/1\"", "requires"},
      {"permissions/egress", "[\"http://api.polar.sh\"]", "egress"},
      {"permissions/egress", "[\"https://api.polar.sh/\"]", "egress"},
      {"permissions/egress", "[\"https://api.polar.sh:443\"]", "egress"},
      {"permissions/egress", "[\"https://user@polar.sh\"]", "egress"},
      {"permissions/egress", "[\"https://API.polar.sh\"]", "egress"},
      {"permissions/egress", "[\"*\"]", "egress"},
      {"permissions/secrets", "[\"*\"]", "secrets"},
      {"permissions/secrets", "[\"../etc/*\"]", "secrets"},
      {"permissions/secrets", "[\"polar*\"]", "secrets"},
      {"permissions/kv_bytes", "-1", "kv_bytes"},
      {"permissions/kv_bytes", "1.5", "kv_bytes"},
      {"permissions/exec", "true", "exec"},
      {"isolation/allowed", "[\"none\"]", "isolation"},
      {"max_concurrency", "0", "max_concurrency"},
      {"max_concurrency", "100000", "max_concurrency"},
      {"limits/op_timeout_ms", "1", "op_timeout_ms"},
      {"limits/cpu", "1", "cpu"},
      {"files", "{}", "files"},
      {"files", "{\"a.so\":\"aaaa\"}", "files"},
      {"files", "{\"/etc/passwd\":\"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", "files"},
      {"files", "{\"../a.so\":\"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", "files"},
      {"files", "{\"x/a.so\":\"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", "exactly one .so"},
      {"config_schema", "\"other.json\"", "config_schema"},
      {"min_host", "\"new\"", "min_host"},
      {"expires", "\"tomorrow\"", "expires"},
      {"surprise", "1", "surprise"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.path);
    CAPTURE(c.value ? c.value : "(removed)");
    const auto m = parseManifest(with(c.path, c.value));
    REQUIRE_FALSE(m.has_value());
    CHECK(m.error().code == Errc::plugin_refused);
    CHECK_MESSAGE(m.error().detail.find(c.names) != std::string::npos, m.error().detail);
  }
  CHECK_FALSE(parseManifest("").has_value());
  CHECK_FALSE(parseManifest("[]").has_value());
  CHECK_FALSE(parseManifest(R"({"schema":"ccp.plugin/1","schema":"ccp.plugin/1"})").has_value());
}

TEST_CASE("a manifest that this host cannot serve is refused before any code runs") {
  struct Case {
    const char* path;
    const char* value;
    const char* says;
  };
  const Case cases[] = {{"abi/major", "2", "plugin ABI 2.0"},
                        {"abi/min_minor", "2", "plugin ABI 1.2"},
                        {"abi/min_minor", "9", "plugin ABI 1.9"},
                        {"requires", "[\"ccp.teleport/1\"]", "ccp.teleport/1"},
                        {"provides", "[\"ccp.billing/2\"]", "ccp.billing/2"},
                        {"min_host", "\"99.0.0\"", "99.0.0"},
                        {"not_before", "\"2035-01-01T00:00:00Z\"", "valid from"},
                        {"expires", "\"2026-01-01T00:00:00Z\"", "expired"}};
  const Timestamp now = *parseRfc3339("2026-11-21T00:00:00Z");
  REQUIRE(checkCompatible(*parseManifest(whole().dump()), now).has_value());
  for (const auto& c : cases) {
    CAPTURE(c.path);
    const auto m = parseManifest(with(c.path, c.value));
    REQUIRE(m.has_value());
    const Status status = checkCompatible(*m, now);
    REQUIRE_FALSE(status.has_value());
    CHECK(status.error().code == Errc::plugin_refused);
    CHECK_MESSAGE(status.error().detail.find(c.says) != std::string::npos, status.error().detail);
  }
}

TEST_CASE("the origin of a URL has one reading") {
  const std::pair<const char*, const char*> good[] = {{"https://api.polar.sh", "https://api.polar.sh"},
                                                      {"HTTPS://API.Polar.SH:443/v1?x#y", "https://api.polar.sh"},
                                                      {"http://127.0.0.1:8080/a", "http://127.0.0.1:8080"},
                                                      {"http://h:80", "http://h"},
                                                      {"https://[::1]:8443/x", "https://[::1]:8443"}};
  for (const auto& [url, origin] : good) CHECK(originOf(url).value_or("none") == origin);
  for (const char* url : {"", "api.polar.sh", "ftp://x", "https://", "https:///x", "https://a@b", "https://a:b@c", "https://a\\@b", "https://a b", "https://a\tb",
                          "https://a:", "https://a:0", "https://a:65536", "https://a:8x", "https://[::1", "https://[]", "https://[::1]x", "https://a%2eb", "https://ä"}) {
    CAPTURE(url);
    CHECK_FALSE(originOf(url).has_value());
  }
}

TEST_CASE("versions compare by number, not by text") {
  CHECK(versionLess("0.9.0", "0.10.0"));
  CHECK_FALSE(versionLess("1.0.0", "1.0"));
  CHECK_FALSE(versionLess("2.0.0", "1.9.9"));
}

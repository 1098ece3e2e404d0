// The listener's certificate on disk: taken up when it changes, refused when it is bad, told of either way.
#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include "core/app/certificates.hpp"
#include "core/base/file.hpp"
#include "core/base/log.hpp"
#include "tests/support/fakes.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/tls_workshop.hpp"

using namespace ccp;
using namespace ccp::app;
using test::Issued;
using test::Wanted;

namespace {

struct World {
  test::TempDir dir = test::TempDir::inMemory();
  test::FakeClock clock{std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now())};
  test::SeededRandom random;
  Metrics metrics;
  test::TestCa ca;
  config::SecretStore secrets{dir.path(), {}};
  config::Tls settings;
  std::string said;

  World() {
    settings.cert_file = dir.path() + "/cert.pem";
    settings.key_file = dir.path() + "/key.pem";
    log::setSink([this](std::string_view line) { said += std::string(line) + "\n"; });
  }
  ~World() { log::setSink({}); }
  void put(const Issued& pair) {
    REQUIRE(writeFileAtomic(settings.cert_file, pair.certificate));
    REQUIRE(writeFileAtomic(settings.key_file, pair.key, 0600));
  }
  Certificates::Deps deps() { return {settings, "https://localhost:8443", secrets, clock, random, metrics}; }
  double gauge(const std::string& name) { return metrics.gauge(name, "").value(); }
};

void twice(Certificates& certificates, bool watch = true) {
  certificates.poll(watch);
  certificates.poll(watch);
}

}  // namespace

TEST_CASE("a changed certificate is taken up when its files rest") {
  World world;
  const auto first = world.ca.issue();
  world.put(first);
  Certificates certificates(world.deps());
  const auto loaded = certificates.load();
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error().detail);
  CHECK(certificates.state().certificate.fingerprint == test::fingerprintOf(first.certificate));
  CHECK(certificates.state().covers_public_url);
  CHECK_FALSE(certificates.state().key_is_open);
  CHECK(world.gauge("ccp_tls_certificate_expires_seconds") > 29 * 86400.0);
  const auto second = world.ca.issue();
  world.put(second);
  twice(certificates);
  CHECK(certificates.state().certificate.fingerprint == test::fingerprintOf(second.certificate));
  CHECK(world.gauge("ccp_tls_certificate_current") == 1);
}

TEST_CASE("a switched symbolic link is a change, as certbot makes it") {
  World world;
  const auto live = world.dir.path() + "/live";
  for (const char* number : {"/1", "/2"}) {
    world.settings.cert_file = world.dir.path() + number + "/cert.pem";
    world.settings.key_file = world.dir.path() + number + "/key.pem";
    REQUIRE(makeDirectories(world.dir.path() + number));
    world.put(world.ca.issue());
  }
  REQUIRE(::symlink((world.dir.path() + "/1").c_str(), live.c_str()) == 0);
  world.settings.cert_file = live + "/cert.pem";
  world.settings.key_file = live + "/key.pem";
  Certificates certificates(world.deps());
  REQUIRE(certificates.load());
  const auto before = certificates.state().certificate.fingerprint;
  REQUIRE(::symlink((world.dir.path() + "/2").c_str(), (live + ".new").c_str()) == 0);
  REQUIRE(::rename((live + ".new").c_str(), live.c_str()) == 0);
  twice(certificates);
  CHECK(certificates.state().certificate.fingerprint != before);
}

TEST_CASE("a bad certificate keeps the one before, and says so until a good one comes") {
  World world;
  const auto first = world.ca.issue();
  world.put(first);
  Certificates certificates(world.deps());
  REQUIRE(certificates.load());
  REQUIRE(writeFileAtomic(world.settings.cert_file, world.ca.issue().certificate));  // its key has not come yet
  twice(certificates);
  auto state = certificates.state();
  CHECK(state.certificate.fingerprint == test::fingerprintOf(first.certificate));
  REQUIRE(state.refused.has_value());
  CHECK(state.refused->detail.find("is not the key of the certificate") != std::string::npos);
  CHECK(world.gauge("ccp_tls_certificate_current") == 0);
  CHECK(world.said.find("\"event\":\"tls.certificate_refused\"") != std::string::npos);
  world.put(world.ca.issue());
  twice(certificates);
  CHECK_FALSE(certificates.state().refused.has_value());
  CHECK(world.gauge("ccp_tls_certificate_current") == 1);
}

TEST_CASE("without the watch a change waits until somebody asks") {
  World world;
  world.put(world.ca.issue());
  Certificates certificates(world.deps());
  REQUIRE(certificates.load());
  const auto before = certificates.state().certificate.fingerprint;
  world.put(world.ca.issue());
  twice(certificates, false);
  CHECK(certificates.state().certificate.fingerprint == before);
  certificates.ask();
  certificates.poll(false);
  CHECK(certificates.state().certificate.fingerprint != before);
}

TEST_CASE("what was refused is tried again, because time and rights heal too") {
  World world;
  world.put(world.ca.issue());
  Certificates certificates(world.deps());
  REQUIRE(certificates.load());
  Wanted wanted;
  wanted.from_s = 90;
  const auto next = world.ca.issue(wanted);
  world.put(next);
  twice(certificates);
  REQUIRE(certificates.state().refused.has_value());
  world.clock.advance(minutes(2));
  certificates.poll(true);
  CHECK_FALSE(certificates.state().refused.has_value());
  CHECK(certificates.state().certificate.fingerprint == test::fingerprintOf(next.certificate));
}

TEST_CASE("expiry is announced, once a day") {
  World world;
  Wanted wanted;
  wanted.until_s = 20 * 86400;
  world.put(world.ca.issue(wanted));
  Certificates certificates(world.deps());
  REQUIRE(certificates.load());
  CHECK(world.said.find("tls.certificate_expires") == std::string::npos);
  // A quarter of twenty days is left.
  world.clock.advance(hours(24 * 16));
  twice(certificates);
  twice(certificates);
  const auto first = world.said.find("tls.certificate_expires");
  REQUIRE(first != std::string::npos);
  CHECK(world.said.find("tls.certificate_expires", first + 1) == std::string::npos);
  CHECK(Certificates::expiresSoon(certificates.state().certificate, world.clock.now()));
  world.clock.advance(hours(25));
  certificates.poll(true);
  CHECK(world.said.find("tls.certificate_expires", first + 1) != std::string::npos);
}

TEST_CASE("the key may be a secret; what cannot be read is named") {
  World world;
  const auto pair = world.ca.issue();
  world.put(pair);
  world.settings.key_file.clear();
  world.settings.key_secret = "tls/key";
  {
    Certificates certificates(world.deps());
    const auto missing = certificates.load();
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error().code == Errc::secret_missing);
  }
  REQUIRE(makeDirectories(world.dir.path() + "/secrets/tls", 0700));
  REQUIRE(writeFileAtomic(world.dir.path() + "/secrets/tls/key", pair.key, 0600));
  {
    Certificates certificates(world.deps());
    CHECK(certificates.load().has_value());
  }
  world.settings.cert_file += ".gone";
  Certificates certificates(world.deps());
  const auto gone = certificates.load();
  REQUIRE_FALSE(gone.has_value());
  CHECK(gone.error().detail.find("cert.pem.gone") != std::string::npos);
}

TEST_CASE("a certificate for another host and a key that everybody reads are told") {
  World world;
  Wanted wanted;
  wanted.names = {"DNS:other.example"};
  wanted.subject = "other.example";
  world.put(world.ca.issue(wanted));
  REQUIRE(::chmod(world.settings.key_file.c_str(), 0644) == 0);
  Certificates certificates(world.deps());
  REQUIRE(certificates.load());
  CHECK_FALSE(certificates.state().covers_public_url);
  CHECK(certificates.state().key_is_open);
  CHECK(world.said.find("tls.certificate_name") != std::string::npos);
  CHECK(world.said.find("tls.key_is_open") != std::string::npos);
}

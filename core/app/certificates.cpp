#include "core/app/certificates.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "core/base/file.hpp"
#include "core/base/log.hpp"

namespace ccp::app {
namespace {

constexpr std::size_t kMaxFile = 256 * 1024;
constexpr Duration kAgain = minutes(1);
constexpr Duration kWarnEach = hours(24);

std::vector<std::string> filesOf(const config::Tls& settings) {
  std::vector<std::string> out{settings.cert_file};
  if (!settings.key_file.empty()) out.push_back(settings.key_file);
  if (!settings.client_ca_file.empty()) out.push_back(settings.client_ca_file);
  return out;
}

/// "ccp.acme.dev" of "https://ccp.acme.dev:8443".
std::string hostOf(const std::string& url) {
  const auto scheme = url.find("://");
  std::string host = scheme == std::string::npos ? url : url.substr(scheme + 3);
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.find(':'));
}

Result<SecretBytes> readSecretFile(const std::string& path) {
  CCP_TRY(auto text, readFile(path, kMaxFile));
  SecretBytes out{std::string_view(text)};
  std::fill(text.begin(), text.end(), '\0');
  return out;
}

}  // namespace

Certificates::Certificates(Deps deps)
    : deps_(std::move(deps)),
      acceptor_(deps_.clock, deps_.random, deps_.metrics),
      left_(deps_.metrics.gauge("ccp_tls_certificate_expires_seconds", "Seconds until the certificate in use expires")),
      current_(deps_.metrics.gauge("ccp_tls_certificate_current", "0 when the newest certificate was refused")),
      watch_(filesOf(deps_.settings)) {}

Status Certificates::read() {
  const auto& settings = deps_.settings;
  http::TlsMaterial material;
  material.certificates_name = "server.tls.cert_file " + settings.cert_file;
  CCP_TRY(material.certificates, readFile(settings.cert_file, kMaxFile));
  if (settings.key_file.empty()) {
    material.key_name = "server.tls.key, secret " + settings.key_secret;
    CCP_TRY(material.key, deps_.secrets.get(settings.key_secret));
  } else {
    material.key_name = "server.tls.key_file " + settings.key_file;
    CCP_TRY(material.key, readSecretFile(settings.key_file));
  }
  if (!settings.client_ca_file.empty()) {
    material.client_ca_name = "server.tls.client_ca_file " + settings.client_ca_file;
    CCP_TRY(material.client_ca, readFile(settings.client_ca_file, kMaxFile));
  }
  material.client_auth = settings.client_auth;
  material.tls12 = settings.tls12;
  return acceptor_.use(material);
}

Status Certificates::load() {
  const std::lock_guard lock(one_at_a_time_);
  watch_.taken(filesOf(deps_.settings));
  CCP_CHECK_OK(read());
  current_.set(1);
  show();
  const auto now = state();
  const auto& certificate = now.certificate;
  log::info("tls.certificate", {{"subject", certificate.subject}, {"expires_at", formatRfc3339(certificate.not_after)}, {"sha256", certificate.fingerprint}});
  if (!now.covers_public_url) log::warn("tls.certificate_name", {{"public_url", deps_.public_url}, {"detail", "the certificate does not cover this host"}});
  if (now.key_is_open) log::warn("tls.key_is_open", {{"file", deps_.settings.key_file}, {"detail", "every user of this machine can read it"}});
  return {};
}

void Certificates::ask() {
  const std::lock_guard lock(mutex_);
  asked_ = true;
}

void Certificates::poll(bool watch) {
  const std::lock_guard one(one_at_a_time_);
  const bool changed = watch_.poll() && watch;
  const auto now = deps_.clock.now();
  bool again = changed;
  {
    const std::lock_guard lock(mutex_);
    again = std::exchange(asked_, false) || again || (refused_ && now - refused_at_ >= kAgain);
  }
  if (again) {
    watch_.taken(filesOf(deps_.settings));
    const auto before = acceptor_.current()->certificate().fingerprint;
    const auto done = read();
    current_.set(done ? 1 : 0);
    const auto& after = acceptor_.current()->certificate();
    bool news = false;
    {
      const std::lock_guard lock(mutex_);
      news = done ? refused_.has_value() || after.fingerprint != before : !refused_ || refused_->detail != done.error().detail;
      refused_ = done ? std::nullopt : std::optional(done.error());
      refused_at_ = now;
      if (done) warned_at_ = {};
    }
    if (!done && news) {
      log::error("tls.certificate_refused", {{"code", done.error().name()}, {"detail", done.error().detail}, {"goes_on", before}});
    } else if (news) {
      log::info("tls.certificate", {{"subject", after.subject}, {"expires_at", formatRfc3339(after.not_after)}, {"sha256", after.fingerprint}});
    }
  }
  show();
}

void Certificates::show() {
  const auto context = acceptor_.current();
  const auto& certificate = context->certificate();
  const auto now = deps_.clock.now();
  left_.set(static_cast<double>(std::chrono::duration_cast<std::chrono::seconds>(certificate.not_after - now).count()));
  if (!expiresSoon(certificate, now)) return;
  {
    const std::lock_guard lock(mutex_);
    if (warned_at_ != Timestamp{} && now - warned_at_ < kWarnEach) return;
    warned_at_ = now;
  }
  log::warn("tls.certificate_expires", {{"subject", certificate.subject}, {"expires_at", formatRfc3339(certificate.not_after)}});
}

Certificates::State Certificates::state() const {
  const auto context = acceptor_.current();
  State out;
  out.certificate = context->certificate();
  out.covers_public_url = deps_.public_url.empty() || context->covers(hostOf(deps_.public_url));
  struct stat at {};
  out.key_is_open = !deps_.settings.key_file.empty() && ::stat(deps_.settings.key_file.c_str(), &at) == 0 && (at.st_mode & S_IROTH) != 0;
  const std::lock_guard lock(mutex_);
  out.refused = refused_;
  out.refused_at = refused_at_;
  return out;
}

bool Certificates::expiresSoon(const http::CertificateInfo& certificate, Timestamp now) {
  const Duration life = certificate.not_after - certificate.not_before;
  return certificate.not_after - now < std::min<Duration>(hours(24 * 14), life / 4);
}

}  // namespace ccp::app

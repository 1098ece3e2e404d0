// The certificate of the public listener while ccpd runs: read at start, read again when its files change or
// somebody asks. A new one that cannot be used is refused: the one before goes on, and log, metrics and doctor
// say so until a good one comes. Without server.tls there is none of these.
// Threads: thread-safe.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "core/app/config_watch.hpp"
#include "core/config/settings.hpp"
#include "core/http/tls_acceptor.hpp"

namespace ccp::app {

class Certificates {
 public:
  struct Deps {
    const config::Tls& settings;
    std::string public_url;  ///< whose host the certificate should cover
    const config::SecretStore& secrets;
    const Clock& clock;
    Random& random;
    Metrics& metrics;
  };
  explicit Certificates(Deps deps);

  /// At start: `config_invalid`, `secret_missing` or `io_error` says what is wrong with which file.
  Status load();
  /// To be called each second. Reads again when files changed (`watch`), when somebody asked, and a minute
  /// after a refusal.
  void poll(bool watch);
  /// The next poll() reads again. From any thread.
  void ask();

  http::TransportFactory& listener() noexcept { return acceptor_; }

  struct State {
    http::CertificateInfo certificate;  ///< the one in use
    bool covers_public_url = true;
    bool key_is_open = false;           ///< users of the machine other than its owner's group may read the key
    std::optional<Error> refused;       ///< why the newest one is not in use
    Timestamp refused_at;
  };
  State state() const;
  /// Less than two weeks, or a quarter of its life when that is shorter: renewal should have happened.
  static bool expiresSoon(const http::CertificateInfo& certificate, Timestamp now);

 private:
  Status read();
  void show();

  Deps deps_;
  http::TlsAcceptor acceptor_;
  Gauge& left_;
  Gauge& current_;
  std::mutex one_at_a_time_;
  ConfigWatch watch_;
  mutable std::mutex mutex_;
  bool asked_ = false;
  std::optional<Error> refused_;
  Timestamp refused_at_;
  Timestamp warned_at_;
};

}  // namespace ccp::app

// Certificates and TLS clients for tests, in memory. Failures throw: they are mistakes of a test.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ccp::test {

/// PEM.
struct Issued {
  std::string certificate;
  std::string key;
};

struct Wanted {
  std::string subject = "localhost";
  std::vector<std::string> names = {"DNS:localhost", "IP:127.0.0.1"};
  std::string usage = "serverAuth";  ///< or clientAuth; empty: any
  long from_s = -3600;               ///< seconds from now
  long until_s = 30 * 86400;
  int rsa_bits = 0;  ///< 0: a key on P-256
};

class TestCa {
 public:
  explicit TestCa(const std::string& name = "Test CA");
  ~TestCa();
  Issued issue(const Wanted& wanted = {});
  const std::string& certificate() const noexcept { return certificate_; }
  /// A revocation list in PEM.
  std::string revoke(const Issued& issued);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::string certificate_;
};

/// SHA-256 of a certificate, hex.
std::string fingerprintOf(const std::string& certificate_pem);
/// The key with a passphrase.
std::string encryptedKey(const std::string& key_pem);

/// OpenSSL's client without a socket.
class TlsClient {
 public:
  struct Options {
    std::string ca = {};
    std::string host = "localhost";
    bool tls12 = false;  ///< at most
    bool tls13 = false;  ///< at least
    bool tls11 = false;  ///< that one only
    std::vector<std::string> alpn = {};
    Issued certificate = {};
    std::string ciphers12 = {};
    std::string session = {};  ///< of an earlier connection
  };
  explicit TlsClient(const Options& options);
  ~TlsClient();

  void receive(std::string_view bytes);
  /// What it has to say, taken out.
  std::string take();
  void write(std::string_view plain);
  void sayFarewell();
  void renegotiate();
  void updateKeys();

  bool established() const;
  bool resumed() const;
  bool failed() const noexcept { return failed_; }
  bool sawFarewell() const noexcept { return saw_farewell_; }
  const std::string& plain() const noexcept { return plain_; }
  std::string protocol() const;  ///< ALPN's
  std::string version() const;
  std::string serverFingerprint() const;
  /// To resume with; empty until the server has sent a ticket.
  const std::string& session() const noexcept { return session_; }

 private:
  friend struct SessionTaker;
  void drive();

  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::string plain_, session_;
  bool failed_ = false;
  bool saw_farewell_ = false;
};

}  // namespace ccp::test

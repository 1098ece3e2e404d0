// Sends mail: SMTP with STARTTLS (Poco), or, in dev mode, into the log.
#pragma once

#include <memory>
#include <string>

#include "core/base/error.hpp"
#include "core/base/secret.hpp"

namespace ccp::net {

struct Mail {
  std::string to;
  std::string subject;
  std::string text;
};

class Mailer {
 public:
  virtual ~Mailer() = default;
  virtual Status send(const Mail& mail) = 0;
};

struct SmtpOptions {
  std::string host;
  int port = 587;
  std::string from;
  std::string user;      ///< empty: no AUTH
  SecretBytes password;
  bool starttls = true;  ///< required when true: no mail without TLS
  std::string ca_file;   ///< extra trust anchor (tests, private CAs)
};

std::unique_ptr<Mailer> makeSmtpMailer(SmtpOptions options);
/// Dev mode: writes the mail into the log, marked as such.
std::unique_ptr<Mailer> makeLogMailer();

}  // namespace ccp::net

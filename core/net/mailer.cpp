#include "core/net/mailer.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/MailMessage.h>
#include <Poco/Net/MailRecipient.h>
#include <Poco/Net/SecureSMTPClientSession.h>
#include <Poco/Timespan.h>

#include "core/base/log.hpp"
#include "core/net/tls.hpp"

namespace ccp::net {
namespace {

constexpr long kTimeoutSeconds = 15;

/// Addresses and subjects become header lines: a line break in one would forge others.
Status checkHeaderText(const Mail& mail) {
  for (const auto* text : {&mail.to, &mail.subject}) {
    if (text->find_first_of("\r\n") != std::string::npos) return fail(Errc::validation_failed, "A mail address or subject holds a line break.");
  }
  return {};
}

class SmtpMailer final : public Mailer {
 public:
  explicit SmtpMailer(SmtpOptions options) : options_(std::move(options)) {}

  Status send(const Mail& mail) override {
    CCP_CHECK_OK(checkHeaderText(mail));
    const auto server = options_.host + ":" + std::to_string(options_.port);
    try {
      Poco::Net::SecureSMTPClientSession session(options_.host, static_cast<Poco::UInt16>(options_.port));
      session.setTimeout(Poco::Timespan(kTimeoutSeconds, 0));
      session.login();
      if (options_.starttls && !session.startTLS(tlsClientContext(options_.ca_file))) {
        return fail(Errc::unavailable, "The mail server " + server + " offers no STARTTLS; mail is not sent in clear text.");
      }
      if (!options_.user.empty()) {
        session.login(Poco::Net::SMTPClientSession::AUTH_PLAIN, options_.user, std::string(options_.password.text()));
      }
      Poco::Net::MailMessage message;
      message.setSender(options_.from);
      message.addRecipient(Poco::Net::MailRecipient(Poco::Net::MailRecipient::PRIMARY_RECIPIENT, mail.to));
      message.setSubject(Poco::Net::MailMessage::encodeWord(mail.subject, "UTF-8"));
      message.setContentType("text/plain; charset=UTF-8");
      message.setContent(mail.text, Poco::Net::MailMessage::ENCODING_QUOTED_PRINTABLE);
      session.sendMessage(message);
      session.close();
      return {};
    } catch (const Poco::Exception& e) {
      return fail(Errc::unavailable, "The mail server " + server + " did not take the mail: " + e.displayText() + ".");
    }
  }

 private:
  SmtpOptions options_;
};

class LogMailer final : public Mailer {
 public:
  Status send(const Mail& mail) override {
    CCP_CHECK_OK(checkHeaderText(mail));
    log::info("mail (dev mode: printed, not sent)", {{"to", mail.to}, {"subject", mail.subject}, {"text", mail.text}});
    return {};
  }
};

}  // namespace

std::unique_ptr<Mailer> makeSmtpMailer(SmtpOptions options) { return std::make_unique<SmtpMailer>(std::move(options)); }
std::unique_ptr<Mailer> makeLogMailer() { return std::make_unique<LogMailer>(); }

}  // namespace ccp::net

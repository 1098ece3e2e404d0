#include "webhook.hpp"

#include "mapping.hpp"

namespace polar {

namespace webhooks = ccp::webhooks;

ccp::json verifyWebhook(const webhooks::HeaderList& headers, std::string_view body, std::int64_t now_s,
                   const Macs& macs) {
  const auto reading = webhooks::read(headers, body, now_s);
  if (!reading.ok) throw ccp::Error::signatureInvalid(reading.problem);
  webhooks::requireGenuine(
      reading, {macs.raw(reading.message.content), macs.standard(reading.message.content)});
  return {{"event_id", webhooks::messageId(headers)}, {"type", ccp::strOr(ccp::peekJson(body, {"type"}), "type")}};
}

ccp::json parseWebhook(const webhooks::HeaderList& headers, std::string_view body, bool livemode) {
  return {{"events", ccp::json::array(
                         {event(ccp::parseJson(body), webhooks::messageId(headers), livemode)})}};
}

}  // namespace polar

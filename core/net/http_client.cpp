#include "core/net/http_client.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/DNS.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/IPAddress.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SSLException.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/URI.h>

#include <algorithm>
#include <condition_variable>
#include <cctype>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "core/net/address.hpp"
#include "core/net/tls.hpp"

namespace ccp::net {
namespace {

using Poco::Net::StreamSocket;
using SteadyTime = std::chrono::steady_clock::time_point;

bool sameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

Poco::Timespan remaining(SteadyTime deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - std::chrono::steady_clock::now());
  return Poco::Timespan(std::max<Poco::Timespan::TimeDiff>(left.count(), 1000));
}

}  // namespace

std::string HttpResponse::header(std::string_view name) const {
  for (const auto& [field, value] : headers) {
    if (sameName(field, name)) return value;
  }
  return {};
}

/// Poco's timeouts are per receive, so that a peer that drips bytes could hold a call for ever: this
/// thread shuts a connection down when its total time is over.
class PocoHttpClient::Reaper {
 public:
  ~Reaper() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  using Ticket = std::multimap<SteadyTime, StreamSocket>::iterator;

  Ticket add(SteadyTime at, const StreamSocket& socket) {
    const std::lock_guard lock(mutex_);
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    auto ticket = sockets_.emplace(at, socket);
    changed_.notify_all();
    return ticket;
  }
  void remove(Ticket ticket) {
    const std::lock_guard lock(mutex_);
    sockets_.erase(ticket);
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      const auto now = std::chrono::steady_clock::now();
      SteadyTime next = now + std::chrono::hours(1);
      for (auto& [at, socket] : sockets_) {
        if (at > now) {
          next = at;
          break;
        }
        // Stays listed: its owner removes it. A second shutdown does no harm.
        try {
          socket.shutdown();
        } catch (const Poco::Exception&) {  // already closed by the peer
        }
        next = now + std::chrono::milliseconds(200);
      }
      changed_.wait_until(lock, next);
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<SteadyTime, StreamSocket> sockets_;
  bool stopping_ = false;
  std::thread thread_;
};

namespace {

struct Target {
  Poco::URI uri;
  bool secure = false;
};

Result<Target> parseTarget(const std::string& url) {
  try {
    Target target{Poco::URI(url)};
    const auto scheme = target.uri.getScheme();
    target.secure = scheme == "https";
    if ((scheme != "http" && !target.secure) || target.uri.getHost().empty() || !target.uri.getUserInfo().empty()) {
      return fail(Errc::bad_request, "\"" + url + "\" is not an http or https URL without user info.");
    }
    return target;
  } catch (const Poco::Exception&) {
    return fail(Errc::bad_request, "\"" + url + "\" is not a URL.");
  }
}

/// Resolves and, with the guard on, refuses; the caller connects to the very address returned.
Result<std::vector<Poco::Net::SocketAddress>> resolve(const Target& target, bool public_only) {
  std::vector<Poco::Net::SocketAddress> out;
  const auto host = target.uri.getHost();
  try {
    // DNS::resolve() asks for the name of an address literal, which is slow and nobody's business.
    std::vector<Poco::Net::IPAddress> found;
    Poco::Net::IPAddress literal;
    const bool bracketed = host.starts_with("[") && host.ends_with("]");
    if (Poco::Net::IPAddress::tryParse(bracketed ? host.substr(1, host.size() - 2) : host, literal)) {
      found.push_back(literal);
    } else {
      const auto entry = Poco::Net::DNS::hostByName(host);
      found.assign(entry.addresses().begin(), entry.addresses().end());
    }
    for (const auto& address : found) {
      if (public_only && isNonPublicAddress(address.toString())) {
        return fail(Errc::egress_denied, host + " resolves to " + address.toString() + ", which is not a public address.");
      }
      out.emplace_back(address, target.uri.getPort());
    }
  } catch (const Poco::Exception& e) {
    return fail(Errc::unreachable, "Cannot resolve " + host + ": " + e.displayText() + ".");
  }
  if (out.empty()) return fail(Errc::unreachable, "Cannot resolve " + host + ".");
  return out;
}

Result<StreamSocket> connect(const std::vector<Poco::Net::SocketAddress>& addresses, const std::string& host, SteadyTime deadline) {
  std::string reason = "no address";
  for (const auto& address : addresses) {
    try {
      StreamSocket socket;
      socket.connect(address, remaining(deadline));
      socket.setNoDelay(true);
      return socket;
    } catch (const Poco::Exception& e) {
      reason = e.displayText();
    }
    if (std::chrono::steady_clock::now() >= deadline) break;
  }
  return fail(Errc::unreachable, "Cannot connect to " + host + ": " + reason + ".");
}

}  // namespace

PocoHttpClient::PocoHttpClient(std::string ca_file) : ca_file_(std::move(ca_file)), reaper_(std::make_unique<Reaper>()) {}
PocoHttpClient::~PocoHttpClient() = default;

Result<HttpResponse> PocoHttpClient::send(const HttpRequest& request, const HttpOptions& options) {
  const auto deadline = std::chrono::steady_clock::now() + options.timeout;
  CCP_TRY(auto target, parseTarget(request.url));
  CCP_TRY(auto addresses, resolve(target, options.public_addresses_only));
  const auto host = target.uri.getHost();
  CCP_TRY(auto socket, connect(addresses, host, deadline));
  const auto ticket = reaper_->add(deadline, socket);
  const auto late = [&] { return std::chrono::steady_clock::now() >= deadline; };

  auto outcome = [&]() -> Result<HttpResponse> {
    try {
      socket.setReceiveTimeout(remaining(deadline));
      socket.setSendTimeout(remaining(deadline));
      // Not Poco's HTTPSClientSession: made from a socket that is connected already, it throws (it sets the port).
      if (target.secure) socket = Poco::Net::SecureStreamSocket::attach(socket, host, tlsClientContext(ca_file_));
      Poco::Net::HTTPClientSession session(socket);
      session.setTimeout(remaining(deadline));
      auto path = target.uri.getPathAndQuery();
      if (path.empty() || path.front() != '/') path.insert(0, "/");
      Poco::Net::HTTPRequest message(request.method, path, Poco::Net::HTTPMessage::HTTP_1_1);
      message.setHost(host, target.uri.getPort());
      if (target.uri.getPort() == (target.secure ? 443 : 80)) message.setHost(host);
      message.set("User-Agent", options.user_agent);
      message.set("Connection", "close");
      for (const auto& [name, value] : request.headers) {
        if ((name + value).find_first_of("\r\n") != std::string::npos) return fail(Errc::bad_request, "A header holds a line break.");
        message.set(name, value);
      }
      if (!request.body.empty() || (request.method != "GET" && request.method != "HEAD" && request.method != "DELETE")) {
        message.setContentLength64(static_cast<Poco::Int64>(request.body.size()));
      }
      session.sendRequest(message) << request.body << std::flush;
      Poco::Net::HTTPResponse answer;
      answer.setFieldLimit(128);
      auto& stream = session.receiveResponse(answer);
      HttpResponse out;
      out.status = answer.getStatus();
      for (const auto& [name, value] : answer) out.headers.emplace_back(name, value);
      char buffer[16384];
      while (request.method != "HEAD" && stream.good()) {
        stream.read(buffer, sizeof buffer);
        out.body.append(buffer, static_cast<std::size_t>(stream.gcount()));
        if (out.body.size() > options.max_response) {
          return fail(Errc::provider_error, host + " answered with more than " + std::to_string(options.max_response) + " bytes.");
        }
        if (late()) break;
      }
      if (late()) return fail(Errc::deadline_exceeded, host + " did not answer within " + formatDuration(options.timeout) + ".");
      if (answer.hasContentLength() && request.method != "HEAD" &&
          out.body.size() != static_cast<std::size_t>(answer.getContentLength64())) {
        return fail(Errc::unreachable, host + " closed the connection in the middle of its answer.");
      }
      return out;
    } catch (const Poco::Net::SSLContextException& e) {
      return fail(Errc::config_invalid, "TLS cannot be set up with the certificates in \"" + ca_file_ + "\": " + e.displayText() + ".");
    } catch (const Poco::Exception& e) {
      if (late() || dynamic_cast<const Poco::TimeoutException*>(&e) != nullptr) {
        return fail(Errc::deadline_exceeded, host + " did not answer within " + formatDuration(options.timeout) + ".");
      }
      return fail(Errc::unreachable, "The exchange with " + host + " failed: " + e.displayText() + ".");
    } catch (const std::exception& e) {
      return fail(Errc::unreachable, "The exchange with " + host + " failed: " + e.what() + ".");
    }
  }();
  reaper_->remove(ticket);
  return outcome;
}

}  // namespace ccp::net

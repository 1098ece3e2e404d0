// ccp-sandbox-provider: a small payment provider on a loopback address. See README.md.
#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/ThreadPool.h>
#include <Poco/Timespan.h>
#include <signal.h>
#include <sodium.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "api.hpp"

namespace {

using namespace sandbox;
namespace net = Poco::Net;

constexpr std::streamsize kMaxBody = 256 * 1024;

const char kUsage[] =
    "ccp-sandbox-provider [options]\n"
    "  --listen ADDRESS:PORT        loopback only; port 0 takes a free one (127.0.0.1:0)\n"
    "  --api-key-file FILE          the key that /v1 and /test want (required)\n"
    "  --webhook-secret-file FILE   whsec_… secret that signs webhooks (required)\n"
    "  --webhook-url URL            where webhooks go; may be set later\n"
    "  --state FILE                 keep everything in this file\n"
    "  --catalog FILE               {\"prices\":[{id, product_id, name, amount_minor, currency, "
    "interval, trial_days}]}\n"
    "  --port-file FILE             write {\"port\",\"url\",\"pid\"} there when serving\n"
    "  --retry-base-ms N            first webhook retry after N ms (500)\n"
    "  --clock-at TIME              time stands there (RFC 3339) and moves by /test/clock/advance "
    "only; ids count\n"
    "  --default-amount N           price of an id that the catalog does not name, in cents "
    "(2900)\n";

class Handler final : public net::HTTPRequestHandler {
 public:
  explicit Handler(Api& api) : api_(api) {}

  void handleRequest(net::HTTPServerRequest& in, net::HTTPServerResponse& out) override {
    Request request;
    request.method = in.getMethod();
    const std::string& target = in.getURI();
    const auto mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos)
      request.query = parseForm(std::string_view(target).substr(mark + 1));
    for (const auto& [name, value] : in) {
      std::string lower = name;
      for (auto& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
      request.headers[lower] = value;
    }
    Response response;
    const bool sized = in.hasContentLength() || in.getChunkedTransferEncoding();
    if (!sized && request.method != "GET" && request.method != "HEAD" &&
        request.method != "DELETE") {
      // Without a length Poco would read until the peer closes.
      response = {411, "application/json",
                  R"({"error":{"code":"length_required","message":"send Content-Length"}})"};
      out.setKeepAlive(false);
    } else {
      if (sized) {
        request.body.resize(static_cast<std::size_t>(kMaxBody) + 1);
        in.stream().read(request.body.data(), kMaxBody + 1);
        request.body.resize(static_cast<std::size_t>(in.stream().gcount()));
      }
      if (request.body.size() > static_cast<std::size_t>(kMaxBody)) {
        response = {413, "application/json",
                    R"({"error":{"code":"body_too_large","message":"at most 256 KiB"}})"};
        out.setKeepAlive(false);
      } else {
        response = api_.handle(request);
      }
    }
    out.setStatusAndReason(static_cast<net::HTTPResponse::HTTPStatus>(response.status));
    out.setContentType(response.content_type);
    out.set("Cache-Control", "no-store");
    out.set("X-Content-Type-Options", "nosniff");
    out.set("Referrer-Policy", "no-referrer");
    if (response.content_type.rfind("text/html", 0) == 0) {
      out.set(
          "Content-Security-Policy",
          "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'");
    }
    if (!response.location.empty()) out.set("Location", response.location);
    out.setContentLength64(static_cast<Poco::Int64>(response.body.size()));
    out.send() << response.body;
  }

 private:
  Api& api_;
};

class Factory final : public net::HTTPRequestHandlerFactory {
 public:
  explicit Factory(Api& api) : api_(api) {}
  net::HTTPRequestHandler* createRequestHandler(const net::HTTPServerRequest&) override {
    return new Handler(api_);
  }

 private:
  Api& api_;
};

struct Flags {
  std::string listen = "127.0.0.1:0", api_key_file, webhook_url, webhook_secret_file, state,
              catalog, port_file;
  std::int64_t retry_base_ms = 500, default_amount = 2900, clock_at = 0;
};

std::int64_t number(const std::string& name, const std::string& value) {
  if (value.empty() || value.size() > 9 ||
      value.find_first_not_of("0123456789") != std::string::npos) {
    throw std::runtime_error(name + " wants a number");
  }
  return std::stoll(value);
}

Flags parseFlags(int argc, char** argv) {
  Flags flags;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--help") {
      std::cout << kUsage;
      std::exit(0);
    }
    if (i + 1 >= argc)
      throw std::runtime_error("unknown flag, or a flag without its value: " + name);
    const std::string value = argv[++i];
    if (name == "--listen")
      flags.listen = value;
    else if (name == "--api-key-file")
      flags.api_key_file = value;
    else if (name == "--webhook-url")
      flags.webhook_url = value;
    else if (name == "--webhook-secret-file")
      flags.webhook_secret_file = value;
    else if (name == "--state")
      flags.state = value;
    else if (name == "--catalog")
      flags.catalog = value;
    else if (name == "--port-file")
      flags.port_file = value;
    else if (name == "--retry-base-ms")
      flags.retry_base_ms = number(name, value);
    else if (name == "--clock-at")
      flags.clock_at = parseTime(value, "--clock-at");
    else if (name == "--default-amount")
      flags.default_amount = number(name, value);
    else
      throw std::runtime_error("unknown flag " + name);
  }
  if (flags.api_key_file.empty() || flags.webhook_secret_file.empty()) {
    throw std::runtime_error("--api-key-file and --webhook-secret-file are required");
  }
  return flags;
}

std::string readSecret(const std::string& path) {
  std::string text = readFile(path);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.pop_back();
  if (text.size() < 16) throw std::runtime_error(path + " must hold at least 16 characters");
  return text;
}

json readCatalog(const std::string& path) {
  if (path.empty()) return json::array();
  const json file = json::parse(readFile(path), nullptr, false);
  const json prices = file.is_object() ? file.value("prices", json()) : file;
  if (!prices.is_array()) throw std::runtime_error(path + " must hold {\"prices\":[…]}");
  try {
    for (const auto& price : prices) {
      requireString(price, "id");
      for (const char* key : {"product_id", "name", "currency", "interval"})
        optionalString(price, key);
      optionalInt(price, "amount_minor", 0, 0, 99'999'999);
      optionalInt(price, "trial_days", 0, 0, 730);
    }
  } catch (const ApiError& error) {
    throw std::runtime_error(path + ": " + error.message);
  }
  return prices;
}

void requireLoopback(const std::string& what, const std::string& host) {
  if (host != "127.0.0.1" && host != "::1" && host != "localhost") {
    throw std::runtime_error(what + " must be a loopback address, not " + host +
                             ": this provider takes no real money and must not be reachable");
  }
}

int serve(const Flags& flags) {
  const auto colon = flags.listen.rfind(':');
  if (colon == std::string::npos) throw std::runtime_error("--listen wants ADDRESS:PORT");
  const std::string host = flags.listen.substr(0, colon);
  requireLoopback("--listen", host);
  if (!flags.webhook_url.empty() && !isLoopbackUrl(flags.webhook_url))
    requireLoopback("--webhook-url", flags.webhook_url);

  // Before the first thread, so that only sigwait below sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  Ledger ledger(
      {flags.state, readCatalog(flags.catalog), flags.default_amount, flags.clock_at});
  if (!flags.webhook_url.empty()) ledger.updateEndpoint({{"url", flags.webhook_url}});
  WebhookSender sender(ledger, {readSecret(flags.webhook_secret_file),
                                std::chrono::milliseconds(flags.retry_base_ms), 10});
  Api api(ledger, sender, readSecret(flags.api_key_file));

  const net::SocketAddress address(
      host == "localhost" ? "127.0.0.1" : host,
      static_cast<Poco::UInt16>(number("--listen", flags.listen.substr(colon + 1))));
  net::ServerSocket socket;
  // Without the third argument Poco sets SO_REUSEPORT as well, and the provider would join whatever
  // serves the port already, of whose requests it then gets every second one.
  socket.bind(address, true, false);
  socket.listen(128);
  const int port = socket.address().port();
  const std::string url = "http://" + host + ":" + std::to_string(port);
  ledger.setPublicUrl(url);
  ledger.onEvent([&sender](const OutgoingEvent& event) { sender.enqueue(event); });

  Poco::ThreadPool pool(4, 32);
  net::HTTPServerParams::Ptr params = new net::HTTPServerParams;
  params->setMaxThreads(32);
  params->setMaxQueued(256);
  params->setKeepAliveTimeout(Poco::Timespan(2, 0));
  params->setTimeout(Poco::Timespan(10, 0));
  net::HTTPServer server(new Factory(api), pool, socket, params);
  server.start();
  if (!flags.port_file.empty())
    replaceFile(flags.port_file,
                json({{"port", port}, {"url", url}, {"pid", ::getpid()}}).dump() + "\n");
  std::cout << "Sandbox payment provider on " << url << std::endl;

  int received = 0;
  sigwait(&signals, &received);
  server.stopAll(true);
  pool.stopAll();
  sender.stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (sodium_init() < 0) throw std::runtime_error("libsodium did not start");
    return serve(parseFlags(argc, argv));
  } catch (const sandbox::ApiError& error) {
    std::cerr << "ccp-sandbox-provider: " << error.message << "\n";
  } catch (const Poco::Exception& error) {
    std::cerr << "ccp-sandbox-provider: " << error.displayText() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "ccp-sandbox-provider: " << error.what() << "\n";
  }
  return 2;
}

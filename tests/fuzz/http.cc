// Any bytes sent to the HTTP server, which answers or hangs up, and goes on serving: the next
// client gets its page.

#include "agent/show/http.h"

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/core/metrics.h"
#include "tests/fuzz/input.h"

namespace punchline::fuzz {
namespace {

/// A server for the whole run, with the pages of an agent that has one buffer.
class Served {
 public:
  Served() {
    metrics_.add_buffer("fuzz.buf", "logs");
    auto server = serve_http({"127.0.0.1", 0},
                             [this](std::string_view path) { return page_at(path, metrics_, 1); });
    must(server.ok(), "it listens");
    server_ = std::move(*server);
    const auto address = parse_listen_address(server_->address());
    to_.sin_family = AF_INET;
    to_.sin_port = htons(address->port);
    inet_pton(AF_INET, "127.0.0.1", &to_.sin_addr);
  }

  /// Sends it and reads until the server hangs up, or for so long. (It gives nothing to a client
  /// that has shut down its own side.)
  std::string ask(std::string_view request, std::chrono::milliseconds patience) {
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    const timeval most{patience.count() / 1000, patience.count() % 1000 * 1000};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
    must(connect(client, reinterpret_cast<sockaddr*>(&to_), sizeof(to_)) == 0, "it takes calls");
    (void)send(client, request.data(), request.size(), MSG_NOSIGNAL);  // it may hang up meanwhile
    std::string answer;
    while (receive(client, answer)) {
    }
    close(client);
    return answer;
  }

 private:
  // libFuzzer's timer interrupts us now and then.
  static bool receive(int client, std::string& answer) {
    char piece[4096];
    const auto got = recv(client, piece, sizeof(piece), 0);
    if (got > 0) answer.append(piece, static_cast<std::size_t>(got));
    return got > 0 || (got < 0 && errno == EINTR);
  }

  Metrics metrics_;
  std::unique_ptr<HttpServer> server_;
  sockaddr_in to_{};
};

}  // namespace
}  // namespace punchline::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace punchline::fuzz;
  static Served served;
  using namespace std::chrono_literals;
  const auto answer = served.ask({reinterpret_cast<const char*>(data), size}, 20ms);
  must(answer.empty() || answer.starts_with("HTTP/1.1 "), "it answers in HTTP, or not at all");
  const auto next = served.ask("GET /healthz HTTP/1.1\r\n\r\n", 20s);
  must(next.starts_with("HTTP/1.1 "), "the next one is served");
  return 0;
}
